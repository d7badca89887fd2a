"""Divide features of the network among the tokens of a text: see `evidence.py`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_store.model.compiled import CompiledCNN, table_of, window_sums
from model_store.model.inference import Features
from model_store.model.network import SentimentCNN
from model_store.model.vocabulary import PADDING_ID


@torch.inference_mode()
def contributions_of(
    network: SentimentCNN, features: Features, ids: NDArray[np.int32], weights: Tensor
) -> tuple[NDArray[np.float64], float]:
    """Return what each token adds to a weighted sum of the features of a text, and the rest.

    features: the way they are computed, whose table is used if it is compiled.
    ids: (tokens,). weights: (features,).
    Both results together are `weights @ features`, except for rounding.
    """
    config = network.config
    missing = max(config.min_length - len(ids), 0)
    biases = np.stack([_bias_of(conv) for conv in network.convolutions()])
    padded = torch.from_numpy(np.pad(ids, (0, missing), constant_values=PADDING_ID))
    if isinstance(features, CompiledCNN):
        table, rows = features.tensors["table"], padded * config.offsets
    else:
        vectors = network.embedding.weight[padded.long()]
        table = table_of(network, vectors).cpu()
        rows = torch.arange(len(padded), dtype=torch.int32) * config.offsets
    sizes = np.array(config.kernel_sizes)
    windows, best = [], []
    for end, size in zip(np.cumsum(sizes).tolist(), config.kernel_sizes, strict=True):
        sums = window_sums(table, rows, range(end - size, end))
        best.append(sums.amax(dim=0))
        windows.append(_first_windows(sums, best[-1]))
    # A row for each offset in a window, a column for each filter.
    places = np.concatenate([np.arange(size) for size in config.kernel_sizes])
    tokens = np.repeat(windows, sizes, axis=0) + places[:, None]
    cells = rows.numpy()[tokens] + np.arange(config.offsets)[:, None]
    cells = cells.astype(np.int64) * config.filters + np.arange(config.filters)
    parts = table.view(-1).take(torch.from_numpy(cells)).numpy()
    parts[places == 0] -= biases  # the table has them at the first offset of a window
    by_size = weights.double().numpy().reshape(len(sizes), config.filters)
    active = by_size * (torch.stack(best) > 0).numpy()  # elsewhere ReLU leaves nothing
    parts = parts * np.repeat(active, sizes, axis=0)
    values = np.bincount(tokens.ravel(), parts.ravel(), len(padded)).astype(np.float64)
    return values[: len(ids)], float((active * biases).sum() + values[len(ids) :].sum())


def _first_windows(sums: Tensor, best: Tensor) -> NDArray[np.int64]:
    """Return (filters,) the first window with the greatest sum, several times as fast as argmax."""
    hits = np.flatnonzero((sums == best).numpy())[::-1]
    found = np.zeros(len(best), np.int64)
    found[hits % len(best)] = hits // len(best)
    return found


def _bias_of(conv: nn.Conv1d) -> NDArray[np.float32]:
    assert conv.bias is not None
    return np.asarray(conv.bias.detach().cpu().numpy())
