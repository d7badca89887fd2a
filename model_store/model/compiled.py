"""The features of a network on the CPU: its convolutions as sums of rows of a table.

Holds no text and trains nothing; `network.py` is the reference. See docs/decisions/0007.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from model_store.model.network import NetworkConfig, SentimentCNN, check_shapes
from model_store.model.vocabulary import PADDING_ID

logger = logging.getLogger(__name__)

_FORMAT = 2
"""Of the files; a change of what the tensors mean raises it."""

_BATCH_TOKENS = 4096
"""Tokens that are summed at once: few enough for the sums to stay in the cache of a core."""


class CompiledCNN:
    """`SentimentCNN.features`, tens of times as fast on a CPU.

    A convolution is linear in the word vectors, so what a token adds to a window depends on the
    token and its place in the window alone. These products are computed once, for the whole
    vocabulary; a window is then the sum of a few rows of a table. The reviews of a batch lie end
    to end, without padding, and the maximum over time is taken for each of them: a review gets
    the same features in any company, to rounding.
    """

    def __init__(self, config: NetworkConfig, tensors: dict[str, Tensor]) -> None:
        rows = config.vocabulary_size * config.offsets
        check_shapes(tensors, {"table": [rows, config.filters]})
        self.config = config
        self.tensors = tensors
        ends = np.cumsum(config.kernel_sizes)
        self._kernels = [
            torch.arange(end - size, end, dtype=torch.int32)
            for size, end in zip(config.kernel_sizes, ends, strict=True)
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with the table as an array, which Ray's processes share instead of copying it."""
        return _from_array, (self.config, self.tensors["table"].numpy())

    @classmethod
    @torch.inference_mode()
    def compile(cls, network: SentimentCNN) -> Self:
        """Multiply out the table of a network: vocabulary * sum of kernel sizes * filters * 4 B."""
        config = network.config
        products = network.embedding.weight @ network.kernels()
        rows = products.view(-1, config.offsets, config.filters)
        offset = 0
        for size, conv in zip(config.kernel_sizes, network.convolutions(), strict=True):
            assert conv.bias is not None
            rows[:, offset] += conv.bias  # each window has one token at its first offset
            offset += size
        return cls(config, {"table": rows.flatten(0, 1).cpu()})

    @torch.inference_mode()
    def __call__(self, sequences: Sequence[NDArray[np.int32]]) -> Tensor:
        """(texts, features) of texts given as token ids, each of any length."""
        features = [self._features(batch) for batch in self._batches(sequences)]
        return torch.cat(features) if features else torch.empty(0, self.config.features)

    def _batches(self, sequences: Sequence[NDArray[np.int32]]) -> Iterator[list[NDArray[np.int32]]]:
        batch: list[NDArray[np.int32]] = []
        tokens = 0
        for sequence in sequences:
            whole = sequence
            if (missing := self.config.min_length - len(sequence)) > 0:
                whole = np.pad(sequence, (0, missing), constant_values=PADDING_ID)
            if batch and tokens + len(whole) > _BATCH_TOKENS:
                yield batch
                batch, tokens = [], 0
            batch.append(whole)
            tokens += len(whole)
        if batch:
            yield batch

    def _features(self, batch: list[NDArray[np.int32]]) -> Tensor:
        filters, table = self.config.filters, self.tensors["table"]
        lengths = [len(sequence) for sequence in batch]
        ids = torch.from_numpy(np.concatenate(batch))
        rows = ids * self.config.offsets  # of each token, the first of its rows in the table
        pooled = torch.empty(len(batch), len(self._kernels) * filters)
        for index, kernel in enumerate(self._kernels):
            windows = rows.unfold(0, len(kernel), 1) + kernel  # (windows, size)
            sums = functional.embedding_bag(windows, table, mode="sum")  # (windows, filters)
            column = slice(index * filters, (index + 1) * filters)
            start = 0
            for target, length in zip(pooled[:, column], lengths, strict=True):
                # Windows that reach into the next text are left out.
                torch.amax(sums[start : start + length - len(kernel) + 1], dim=0, out=target)
                start += length
        return pooled.relu_()  # it and the maximum can change places


def _from_array(config: NetworkConfig, table: NDArray[np.float32]) -> CompiledCNN:
    # The warning is that such an array is not to be written: nobody does.
    with warnings.catch_warnings(action="ignore"):
        return CompiledCNN(config, {"table": torch.from_numpy(table)})


def load_or_compile(network: SentimentCNN, folder: Path, name: str) -> CompiledCNN:
    """The compiled network from its file in `folder`, which is made first where it is missing.

    The file is mapped, so that the processes of a machine share its pages. `name` must be this
    very network's; a file that cannot be used is made anew. Where none can be written, the table
    stays in the memory of this process, and the log says so.
    """
    path = folder / f"{name}-{_FORMAT}.safetensors"
    if found := _load(network.config, path):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{path.name}.lock"):
            if found := _load(network.config, path):  # another process was faster
                return found
            _save(CompiledCNN.compile(network), path)
            return CompiledCNN(network.config, load_file(path))
    except (OSError, SafetensorError) as reason:
        logger.warning("The compiled network is not shared between processes: %s", reason)
        return CompiledCNN.compile(network)


def _load(config: NetworkConfig, path: Path) -> CompiledCNN | None:
    try:
        return CompiledCNN(config, load_file(path))
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError) as reason:
        logger.warning("%s cannot be used: %s", path, reason)
        return None


def _save(network: CompiledCNN, path: Path) -> None:
    """Whole or not at all: what a process reads under this name is what was written."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        save_file(network.tensors, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
