"""The forward pass of training, computed once per word type instead of once per word."""

import torch
from torch import Tensor
from torch.nn import functional

from model_store.model.network import SentimentCNN, windows_outside


def sparse_forward(
    network: SentimentCNN, ids: Tensor, lengths: Tensor, *, word_dropout: float = 0.0
) -> Tensor:
    """Return (batch, classes) logits, equal to `network(ids, lengths)` except for rounding.

    ids: (batch, time). lengths: (batch,). word_dropout: share of word types to set to zero.

    It is several times as fast as the network, and more so backward. A convolution over word
    vectors is a sum of products of a vector and a slice of the kernel, which are computed once for
    each word type of the batch. Only the window with the maximum over time gets a gradient: these
    windows are found without autograd and computed again with it.
    """
    types, positions = torch.unique(ids, return_inverse=True)
    vectors = network.embedding(types)  # (types, embedding)
    if word_dropout:
        kept = torch.rand(len(types), 1, device=ids.device) >= word_dropout
        vectors = vectors * kept / (1 - word_dropout)
    dtype = product_dtype(ids.device)
    products = (vectors.to(dtype) @ network.kernels().to(dtype)).float()
    filters = network.config.filters
    rows = products.detach().view(-1, filters)  # (types * offsets, filters)
    offsets = network.config.offsets
    pooled, offset = [], 0
    for size, conv in zip(network.config.kernel_sizes, network.convolutions(), strict=True):
        slices = offset + torch.arange(size, device=ids.device)
        windows = (positions * offsets).unfold(1, size, 1) + slices  # (batch, windows, size)
        with torch.no_grad():
            sums = functional.embedding_bag(windows.reshape(-1, size), rows, mode="sum")
            sums = sums.view(len(ids), -1, filters)
            outside = windows_outside(sums.shape[1], lengths, size)
            winners = sums.masked_fill(outside[:, :, None], -torch.inf).argmax(dim=1)
        # (batch, filters, size): the rows whose sum is the winner of each filter
        chosen = windows.gather(1, winners[:, :, None].expand(-1, -1, size))
        channel = torch.arange(filters, device=ids.device)[None, :, None]
        values = products.view(-1)[chosen * filters + channel].sum(dim=2)
        pooled.append(torch.relu(values + conv.bias))
        offset += size
    logits: Tensor = network.fc(network.dropout(torch.cat(pooled, dim=1)))
    return logits


def product_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 if the processor multiplies it natively: it takes a quarter of the time."""
    if device.type == "cpu" and not torch.cpu._is_avx512_bf16_supported():  # noqa: SLF001
        return torch.float32
    return torch.bfloat16
