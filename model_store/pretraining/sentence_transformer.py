"""Run a sentence transformer of the BERT family from its folder, to learn from it.

Needs the packages transformers and tokenizers, which serving does not.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_BATCH_TOKENS = 2048


class SentenceTransformer:
    """A transformer whose sentence vector is the mean over the tokens of its last layer."""

    def __init__(self, folder: Path, *, max_tokens: int = 128) -> None:
        """Load the files of a folder such as that of all-MiniLM-L6-v2; raises OSError."""
        from tokenizers import Tokenizer  # noqa: PLC0415 (not installed for serving)
        from transformers import AutoModel  # noqa: PLC0415

        self._model: Any = AutoModel.from_pretrained(folder).eval()
        self.tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)

    def ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, with the marks at both ends."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]

    @torch.inference_mode()
    def hidden(self, sequences: Sequence[Sequence[int]]) -> Iterator[tuple[int, Tensor]]:
        """Yield the index and (tokens, dimensions) last layer of each sequence, in any order."""
        order = sorted(range(len(sequences)), key=lambda index: len(sequences[index]), reverse=True)
        while order:
            longest = len(sequences[order[0]])
            count = max(_BATCH_TOKENS // longest, 1)
            chosen, order = order[:count], order[count:]
            ids = torch.zeros(len(chosen), longest, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, index in enumerate(chosen):
                sequence = sequences[index]
                ids[row, : len(sequence)] = torch.tensor(sequence)
                mask[row, : len(sequence)] = 1
            layer = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            for row, index in enumerate(chosen):
                yield index, layer[row, : len(sequences[index])]

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, dimensions) sentence vectors of length 1."""
        vectors: list[Tensor] = [torch.empty(0)] * len(texts)
        for index, layer in self.hidden(self.ids_of(texts)):
            vectors[index] = functional.normalize(layer.mean(dim=0), dim=0)
        return torch.stack(vectors).numpy()
