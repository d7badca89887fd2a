"""The network: token ids in, logits out. Does not tokenize, name labels, or read files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from model_store.model.vocabulary import PADDING_ID


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a SentimentCNN; the defaults are those of the published tutorial.

    >>> NetworkConfig(vocabulary_size=100).features
    300
    """

    vocabulary_size: int
    embedding_dim: int = 300
    filters: int = 100
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    classes: int = 2
    dropout: float = 0.25

    @property
    def offsets(self) -> int:
        """The number of offsets of a token in a window, summed over all kernel sizes."""
        return sum(self.kernel_sizes)

    @property
    def offset_ranges(self) -> list[range]:
        """The offsets of the windows of each kernel, among those of all.

        >>> NetworkConfig(100).offset_ranges
        [range(0, 3), range(3, 8), range(8, 15)]
        """
        ends = list(accumulate(self.kernel_sizes))
        return [range(end - size, end) for size, end in zip(self.kernel_sizes, ends, strict=True)]

    @property
    def features(self) -> int:
        """The number of features of a text: one for each filter."""
        return self.filters * len(self.kernel_sizes)

    @property
    def shapes(self) -> dict[str, list[int]]:
        """The shapes of all weights, by their names in the state dict."""
        shapes = {"embedding.weight": [self.vocabulary_size, self.embedding_dim]}
        for index, size in enumerate(self.kernel_sizes):
            shapes[f"convs.{index}.weight"] = [self.filters, self.embedding_dim, size]
            shapes[f"convs.{index}.bias"] = [self.filters]
        return shapes | {"fc.weight": [self.classes, self.features], "fc.bias": [self.classes]}

    @property
    def min_length(self) -> int:
        """The width of the widest filter: shorter texts are padded to it."""
        return max(self.kernel_sizes)


class SentimentCNN(nn.Module):
    """Convolutions over word vectors, their maximum over time, one linear layer.

    The architecture of Yoon Kim, "Convolutional Neural Networks for Sentence Classification"
    (2014), with the layer names and sizes of Label Studio's machine-learning tutorial, so that
    the state dict has its keys: `embedding.weight`, `convs.{i}.{weight,bias}`, `fc.{weight,bias}`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(
            config.vocabulary_size, config.embedding_dim, padding_idx=PADDING_ID
        )
        self.convs = nn.ModuleList(
            nn.Conv1d(config.embedding_dim, config.filters, size) for size in config.kernel_sizes
        )
        self.fc = nn.Linear(config.features, config.classes)
        self.dropout = nn.Dropout(config.dropout)

    def convolutions(self) -> Iterator[nn.Conv1d]:
        """Yield the convolutions in the order of `kernel_sizes`."""
        for conv in self.convs:
            assert isinstance(conv, nn.Conv1d)
            yield conv

    def kernels(self) -> Tensor:
        """Return all kernels as one matrix, (embedding, offsets * filters)."""
        return torch.cat(
            [conv.weight.permute(1, 2, 0).flatten(1) for conv in self.convolutions()], dim=1
        )

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return (batch, classes) logits; for the arguments see `features`."""
        logits: Tensor = self.fc(self.dropout(self.features(ids, lengths)))
        return logits

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the maximum over time of each filter, (batch, features).

        ids: (batch, time) token ids, padded to at least `min_length`.
        lengths: (batch,) tokens of each text, including the padding up to `min_length`.
        The features of a text do not depend on the padding of the batch: the maximum leaves out
        windows that reach past its length.
        """
        embedded = self.embedding(ids).transpose(1, 2)  # (batch, embedding, time)
        pooled = []
        for size, conv in zip(self.config.kernel_sizes, self.convs, strict=True):
            features = torch.relu(conv(embedded))  # (batch, filters, windows)
            outside = windows_outside(features.shape[2], lengths, size)
            # After the ReLU nothing is below 0, so 0 never exceeds a window inside.
            pooled.append(features.masked_fill(outside[:, None, :], 0.0).amax(dim=2))
        return torch.cat(pooled, dim=1)


def windows_outside(count: int, lengths: Tensor, size: int) -> Tensor:
    """Mark the windows of `size` tokens that reach past the end of a text: (batch, count)."""
    window = torch.arange(count, device=lengths.device)
    return window[None, :] > (lengths - size)[:, None]


def load_weights(network: SentimentCNN, tensors: Mapping[str, Tensor]) -> None:
    """Load weights of unknown origin into a network.

    Raises ValueError if the shapes are wrong, with expected and actual shapes, or if a weight is
    not a finite number.
    """
    check_weights(tensors, network.config.shapes)
    network.load_state_dict(tensors)


def check_weights(tensors: Mapping[str, Tensor], expected: Mapping[str, list[int]]) -> None:
    """Raise ValueError if a shape is wrong or a weight is not a finite number."""
    check_shapes(tensors, expected)
    if not all(
        tensor.is_floating_point() and tensor.isfinite().all() for tensor in tensors.values()
    ):
        raise ValueError("a weight is not a finite number")


def check_shapes(tensors: Mapping[str, Tensor], expected: Mapping[str, list[int]]) -> None:
    """Raise ValueError, with expected and actual shapes, if names or shapes differ."""
    actual = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if actual != expected:
        raise ValueError(f"its tensors must be {expected}, and they are {actual}")


def pad(sequences: Sequence[ArrayLike], min_length: int) -> tuple[Tensor, Tensor]:
    """Pad token ids of several texts: return ids (batch, time) and lengths (batch,).

    >>> ids, lengths = pad([[5], [7, 8, 9]], min_length=2)
    >>> ids.tolist(), lengths.tolist()
    ([[5, 1, 1], [7, 8, 9]], [2, 3])
    """
    rows = [torch.as_tensor(sequence, dtype=torch.long) for sequence in sequences]
    lengths = torch.tensor([max(len(row), min_length) for row in rows])
    ids = torch.full((len(rows), int(lengths.max())), PADDING_ID)
    for target, row in zip(ids, rows, strict=True):
        target[: len(row)] = row
    return ids, lengths
