"""Present several feature blocks as one encoder."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.blocks.token_blocks import TokenBlock
from model_store.model.evidence import Contributions
from model_store.model.stages import Work


class Block(Protocol):
    """A part of the features of a text."""

    @property
    def width(self) -> int:
        """The number of features."""

    @property
    def max_tokens(self) -> int:
        """Maximum number of tokens that it reads of a text."""

    def __call__(self, texts: Sequence[str], work: Work | None = None, /) -> Tensor:
        """Return (texts, features) and add tokens and seconds to `work`."""

    def contributions(
        self, texts: Sequence[str], weights: NDArray[np.float64], /
    ) -> list[Contributions]:
        """Return what the tokens of each text add to a weighted sum; weights: (texts, features)."""


class Concatenated:
    """The features of several blocks side by side.

    A block that a head does not use is left out, and costs nothing. Several of these can share a
    block.
    """

    def __init__(self, blocks: Mapping[str, Block]) -> None:
        self.blocks = dict(blocks)

    @property
    def widths(self) -> dict[str, int]:
        """The number of features of each block, in their order."""
        return {name: block.width for name, block in self.blocks.items()}

    @property
    def max_tokens(self) -> int:
        """Maximum number of tokens that a block reads of a text."""
        return max(block.max_tokens for block in self.blocks.values())

    def read(self, texts: Sequence[str], work: Work | None = None) -> tuple[Tensor, None]:
        """Return the features as a call does; traits are for the head of the network alone."""
        return self(texts, work), None

    def contributions(
        self, texts: Sequence[str], weights: NDArray[np.float64]
    ) -> list[Contributions]:
        """Return what the tokens of each text add to a weighted sum of the features of all blocks.

        weights: (texts, features).
        """
        ends = np.cumsum(list(self.widths.values()))[:-1]
        by_block = [
            block.contributions(texts, share)
            for block, share in zip(
                self.blocks.values(), np.split(weights, ends, axis=1), strict=True
            )
        ]
        return [Contributions.together(parts) for parts in zip(*by_block, strict=True)]

    def __call__(self, texts: Sequence[str], work: Work | None = None) -> Tensor:
        """Return (texts, features); the first block adds its tokens and seconds to `work`."""
        features = []
        split: dict[int, list[list[str]]] = {}
        for block in self.blocks.values():
            if isinstance(block, TokenBlock):
                if block.max_tokens not in split:
                    split[block.max_tokens] = block.split(texts)
                features.append(block.of_tokens(split[block.max_tokens]))
            else:
                features.append(block(texts, None if features else work))
        return torch.cat(features, dim=1)
