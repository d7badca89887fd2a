"""Divide features of the network among the tokens of texts: see `evidence.py`."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_store.model.compiled import CompiledCNN, in_batches, table_of, window_sums
from model_store.model.evidence import Floats
from model_store.model.inference import Features
from model_store.model.network import NetworkConfig, SentimentCNN


@torch.inference_mode()
def contributions_of(
    network: SentimentCNN, features: Features, texts: Sequence[NDArray[np.int32]], weights: Floats
) -> Iterator[tuple[Floats, float]]:
    """Yield for each text what each token adds to a weighted sum of its features, and the rest.

    features: the way they are computed, whose table is used if it is compiled.
    texts: token ids, each (tokens,). weights: (texts, features).
    Both results together are `weights @ features` of the text, except for rounding.
    """
    config = network.config
    biases = np.stack([_bias_of(conv) for conv in network.convolutions()])
    first = 0
    for batch in in_batches(texts, config.min_length):
        ids = torch.from_numpy(np.concatenate(batch))
        if isinstance(features, CompiledCNN):
            table, rows = features.tensors["table"], ids * config.offsets
        else:
            table = table_of(network, network.embedding.weight[ids.long()]).cpu()
            rows = torch.arange(len(ids), dtype=torch.int32) * config.offsets
        ends = np.cumsum(list(map(len, batch)))
        starts = np.append(0, ends[:-1])
        chosen = slice(first, first + len(batch))
        values, rests = _divide(
            config, table, rows, starts=starts, biases=biases, weights=weights[chosen]
        )
        for start, text, rest in zip(starts, texts[chosen], rests, strict=True):
            yield values[start : start + len(text)], rest
        first += len(batch)


def _divide(
    config: NetworkConfig,
    table: Tensor,
    rows: Tensor,
    *,
    starts: NDArray[np.int64],
    biases: NDArray[np.float32],
    weights: Floats,
) -> tuple[Floats, Floats]:
    """Return (tokens,) what each token of a batch adds, and (texts,) what biases add.

    rows: (tokens,) their first rows in the table. starts: (texts,) of each text.
    biases: (kernels, filters). Padding has no vector, so it adds nothing but rounding.
    """
    sizes = np.array(config.kernel_sizes)
    bounds = [*starts.tolist(), len(rows)]
    best, windows = [], []
    for offsets in config.offset_ranges:
        sums = window_sums(table, rows, offsets)
        of_texts = [sums[a : b - len(offsets) + 1] for a, b in pairwise(bounds)]
        best.append(torch.stack([each.amax(dim=0) for each in of_texts]))
        windows.append(_first_windows(sums, of_texts, best[-1], starts))
    # (texts, offsets in a window, filters)
    places = np.concatenate([np.arange(size) for size in config.kernel_sizes])
    tokens = np.repeat(np.stack(windows, axis=1), sizes, axis=1) + places[:, None]
    cells = rows.numpy().astype(np.int64)[tokens] + np.arange(config.offsets)[:, None]
    cells = cells * config.filters + np.arange(config.filters)
    parts = table.view(-1).take(torch.from_numpy(cells)).numpy()
    parts[:, places == 0] -= biases  # the table has them at the first offset of a window
    by_size = weights.reshape(len(starts), len(sizes), config.filters)
    active = by_size * (torch.stack(best, dim=1) > 0).numpy()  # elsewhere ReLU leaves nothing
    parts = parts * np.repeat(active, sizes, axis=1)
    values = np.bincount(tokens.ravel(), parts.ravel(), len(rows)).astype(np.float64)
    return values, (active * biases).sum(axis=(1, 2))


def _first_windows(
    sums: Tensor, of_texts: Sequence[Tensor], best: Tensor, starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return (texts, filters) the first window of each text with the greatest sum.

    Comparing is several times as fast as argmax. Windows of two texts are left out.
    """
    filters = best.shape[1]
    is_best = torch.zeros(sums.shape, dtype=torch.bool)
    for text, start, greatest in zip(of_texts, starts.tolist(), best, strict=True):
        torch.eq(text, greatest, out=is_best[start : start + len(text)])
    hits = np.flatnonzero(is_best.numpy())[::-1]
    windows = hits // filters
    found = np.zeros(best.shape, np.int64)
    found[np.searchsorted(starts, windows, side="right") - 1, hits % filters] = windows
    return found


def _bias_of(conv: nn.Conv1d) -> NDArray[np.float32]:
    assert conv.bias is not None
    return np.asarray(conv.bias.detach().cpu().numpy())
