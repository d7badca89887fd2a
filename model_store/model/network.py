"""The network: tensors of token ids in, logits out. Knows no text, no label names, no files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from model_store.model.vocabulary import PADDING_ID


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a SentimentCNN; the defaults are the published tutorial's."""

    vocabulary_size: int
    embedding_dim: int = 300
    filters: int = 100
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    classes: int = 2
    dropout: float = 0.25

    @property
    def offsets(self) -> int:
        """The places that a token can have in a window, over all kernel sizes."""
        return sum(self.kernel_sizes)

    @property
    def features(self) -> int:
        """What the last layer gets of a text: one number for each filter."""
        return self.filters * len(self.kernel_sizes)

    @property
    def min_length(self) -> int:
        """Tokens below which a text is filled up with padding: the widest filter must fit."""
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
        """The convolutions, in the order of `kernel_sizes`."""
        for conv in self.convs:
            assert isinstance(conv, nn.Conv1d)
            yield conv

    def kernels(self) -> Tensor:
        """The kernels as one matrix, (embedding, offsets * filters): a product for each offset."""
        return torch.cat(
            [conv.weight.permute(1, 2, 0).flatten(1) for conv in self.convolutions()], dim=1
        )

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits of a padded batch, (batch, classes), from the arguments of `features`."""
        logits: Tensor = self.fc(self.dropout(self.features(ids, lengths)))
        return logits

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The maximum over time of each filter, in a padded batch.

        ids: (batch, time) token ids, filled up with padding to at least `min_length`.
        lengths: (batch,) the tokens of each text, padding up to `min_length` counted as tokens.
        Returns (batch, features). A text's features do not depend on how far the batch is padded:
        windows that reach past its length are left out of the maximum.
        """
        embedded = self.embedding(ids).transpose(1, 2)  # (batch, embedding, time)
        pooled = []
        for size, conv in zip(self.config.kernel_sizes, self.convs, strict=True):
            features = torch.relu(conv(embedded))  # (batch, filters, windows)
            outside = windows_outside(features.shape[2], lengths, size)
            # After the ReLU nothing is below 0, so 0 never wins against a window inside.
            pooled.append(features.masked_fill(outside[:, None, :], 0.0).amax(dim=2))
        return torch.cat(pooled, dim=1)


def windows_outside(count: int, lengths: Tensor, size: int) -> Tensor:
    """Which of `count` windows of `size` tokens reach past the end of each text: (batch, count)."""
    window = torch.arange(count, device=lengths.device)
    return window[None, :] > (lengths - size)[:, None]


def load_weights(network: SentimentCNN, tensors: Mapping[str, Tensor]) -> None:
    """Put weights of unknown origin into a network.

    Raises ValueError, with expected and actual shapes, if they are not the network's, and if one
    is not a finite number.
    """
    check_weights(
        tensors, {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    )
    network.load_state_dict(tensors)


def check_weights(tensors: Mapping[str, Tensor], expected: Mapping[str, list[int]]) -> None:
    """Raises ValueError if the shapes are others, and if a weight is not a finite number."""
    check_shapes(tensors, expected)
    if not all(
        tensor.is_floating_point() and tensor.isfinite().all() for tensor in tensors.values()
    ):
        raise ValueError("a weight is not a finite number")


def check_shapes(tensors: Mapping[str, Tensor], expected: Mapping[str, list[int]]) -> None:
    """Raises ValueError, with expected and actual shapes, if the tensors are others."""
    actual = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if actual != expected:
        raise ValueError(f"its tensors must be {expected}, and they are {actual}")


def pad(sequences: Sequence[ArrayLike], min_length: int) -> tuple[Tensor, Tensor]:
    """Token ids of several texts as the two arguments of `SentimentCNN.forward`."""
    rows = [torch.as_tensor(sequence, dtype=torch.long) for sequence in sequences]
    lengths = torch.tensor([max(len(row), min_length) for row in rows])
    ids = torch.full((len(rows), int(lengths.max())), PADDING_ID)
    for target, row in zip(ids, rows, strict=True):
        target[: len(row)] = row
    return ids, lengths
