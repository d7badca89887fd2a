"""Compute a network's features on the CPU by adding rows of a precomputed table.

Does not train. `network.py` is the reference implementation; docs/decisions/0007 has the reasons.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from model_store.files import atomic_write
from model_store.model.network import NetworkConfig, SentimentCNN, check_shapes, pad
from model_store.model.vocabulary import PADDING_ID

logger = logging.getLogger(__name__)

_FORMAT = 3
"""Version of the files; raise it whenever the tensors change their meaning."""

_BATCH_TOKENS = 4096
"""Tokens summed at once; the sums must fit into the cache of a core."""

_CHECKSUM = "sha256"
_CHECKED_TOKENS = 64
_TOLERANCE = 1e-3


class CompiledCNN:
    """`SentimentCNN.features`, tens of times as fast on a CPU.

    A convolution is linear in the word vectors: the contribution of a token to a window depends
    only on the token and its offset in the window. The table contains these products for the whole
    vocabulary, so a window is the sum of a few rows. The texts of a batch are concatenated without
    padding, and the maximum over time is taken for each text: the features of a text do not depend
    on the rest of the batch, except for rounding.
    """

    def __init__(self, config: NetworkConfig, tensors: dict[str, Tensor]) -> None:
        rows = config.vocabulary_size * config.offsets
        check_shapes(tensors, {"table": [rows, config.filters]})
        self.config = config
        self.tensors = tensors
        self._offsets = config.offset_ranges

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the table as a numpy array: Ray's processes share one copy of it."""
        return _from_array, (self.config, self.tensors["table"].numpy())

    @classmethod
    @torch.inference_mode()
    def compile(cls, network: SentimentCNN) -> Self:
        """Compute the table of a network: vocabulary * sum of kernel sizes * filters * 4 bytes."""
        table = table_of(network, network.embedding.weight)
        return cls(network.config, {"table": table.cpu()})

    @torch.inference_mode()
    def __call__(self, sequences: Sequence[NDArray[np.int32]]) -> Tensor:
        """Return (texts, features) for token ids, each text of any length."""
        features = [
            self._features(batch) for batch in in_batches(sequences, self.config.min_length)
        ]
        return torch.cat(features) if features else torch.empty(0, self.config.features)

    def _features(self, batch: list[NDArray[np.int32]]) -> Tensor:
        filters, table = self.config.filters, self.tensors["table"]
        lengths = [len(sequence) for sequence in batch]
        ids = torch.from_numpy(np.concatenate(batch))
        rows = ids * self.config.offsets  # the first row of each token in the table
        pooled = torch.empty(len(batch), len(self._offsets) * filters)
        for index, offsets in enumerate(self._offsets):
            sums = window_sums(table, rows, offsets)
            column = slice(index * filters, (index + 1) * filters)
            start = 0
            for target, length in zip(pooled[:, column], lengths, strict=True):
                # Leave out windows that reach into the next text.
                torch.amax(sums[start : start + length - len(offsets) + 1], dim=0, out=target)
                start += length
        return pooled.relu_()  # ReLU and maximum commute


def in_batches(
    sequences: Sequence[NDArray[np.int32]], min_length: int
) -> Iterator[list[NDArray[np.int32]]]:
    """Yield token ids of texts, padded to a length, in batches whose sums fit into the cache."""
    batch: list[NDArray[np.int32]] = []
    tokens = 0
    for sequence in sequences:
        whole = sequence
        if (missing := min_length - len(sequence)) > 0:
            whole = np.pad(sequence, (0, missing), constant_values=PADDING_ID)
        if batch and tokens + len(whole) > _BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(whole)
        tokens += len(whole)
    if batch:
        yield batch


def table_of(network: SentimentCNN, vectors: Tensor) -> Tensor:
    """Return what tokens add to a window at each offset, (tokens * offsets, filters).

    vectors: (tokens, embedding), on the device of the network.
    """
    config = network.config
    rows = (vectors @ network.kernels()).view(-1, config.offsets, config.filters)
    for offsets, conv in zip(config.offset_ranges, network.convolutions(), strict=True):
        assert conv.bias is not None
        rows[:, offsets.start] += conv.bias  # each window has one token at its first offset
    return rows.flatten(0, 1)


def window_sums(table: Tensor, rows: Tensor, offsets: range) -> Tensor:
    """Return the sums of all windows of consecutive tokens, (windows, filters).

    rows: (tokens,) the first row of each token in the table. offsets: those of one kernel.
    """
    kernel = torch.arange(offsets.start, offsets.stop, dtype=rows.dtype)
    windows = rows.unfold(0, len(offsets), 1) + kernel  # (windows, size)
    return functional.embedding_bag(windows, table, mode="sum")


def _from_array(config: NetworkConfig, table: NDArray[np.float32]) -> CompiledCNN:
    # torch warns that the array is read-only; nothing writes to it.
    with warnings.catch_warnings(action="ignore"):
        return CompiledCNN(config, {"table": torch.from_numpy(table)})


def load_or_compile(network: SentimentCNN, folder: Path, name: str) -> CompiledCNN:
    """Load the compiled network from its file in `folder`; write the file first if it is missing.

    The file is memory-mapped: the processes of a machine share its pages. `name` must be unique
    for the network. A file that is damaged, or does not compute what the network computes, is
    written again. If the folder cannot be written, the table stays in the memory of this process
    and a warning is logged.
    """
    path = folder / f"{name}-{_FORMAT}.safetensors"
    if found := _load(network, path):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{path.name}.lock"):
            if found := _load(network, path):  # another process wrote it first
                return found
            made = CompiledCNN.compile(network)
            _save(made, path)
            return _load(network, path) or made
    except (OSError, SafetensorError) as reason:
        logger.warning("The compiled network is not shared between processes: %s", reason)
        return CompiledCNN.compile(network)


def _load(network: SentimentCNN, path: Path) -> CompiledCNN | None:
    try:
        with safe_open(path, framework="pt") as file:
            found = CompiledCNN(network.config, {"table": file.get_tensor("table")})
            checksum = (file.metadata() or {}).get(_CHECKSUM)
        _check(found, checksum, network)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError) as reason:
        logger.warning("%s cannot be used: %s", path, reason)
        return None
    return found


def _save(compiled: CompiledCNN, path: Path) -> None:
    with atomic_write(path) as draft:
        save_file(compiled.tensors, draft, metadata={_CHECKSUM: _checksum(compiled)})


def _checksum(compiled: CompiledCNN) -> str:
    table = compiled.tensors["table"].contiguous().numpy()
    return hashlib.sha256(table.data).hexdigest()


@torch.inference_mode()
def _check(compiled: CompiledCNN, checksum: str | None, network: SentimentCNN) -> None:
    """Raise ValueError if a table is damaged, or is that of another network.

    The networks are compared on tokens of the whole vocabulary.
    """
    if checksum != _checksum(compiled):
        raise ValueError("its checksum is wrong, so it is damaged")
    last = network.config.vocabulary_size - 1
    ids = np.linspace(0, last, _CHECKED_TOKENS).astype(np.int32)
    expected = network.features(*pad([ids], network.config.min_length))
    if not torch.allclose(compiled([ids]), expected, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise ValueError("it does not compute what the network computes")
