"""Token ids in, logits out, by the fastest means the device of a network has."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store.compiled import CompiledCNN, load_or_compile
from model_store.network import SentimentCNN, pad

Forward = Callable[[Sequence[NDArray[np.int32]]], Tensor]
"""Texts as token ids, each of any length, to their logits on the CPU: (texts, classes)."""

_PADDED_TOKENS = 65_536


def forward_of(network: SentimentCNN, shared: Path | None = None) -> Forward:
    """The forward pass of a network in evaluation mode, with the weights that it has now.

    On the CPU that is the compiled network, kept in a file that processes share if `shared` says
    where: folder and name, which must be this very network's. On another device it is the network
    itself.
    """
    network.eval()
    if network.fc.weight.device.type != "cpu":
        return lambda texts: padded_forward(network, texts)
    if shared is None:
        return CompiledCNN.compile(network)
    return load_or_compile(network, shared.parent, shared.name)


def use_threads(count: int) -> None:
    """How many threads a forward pass of this process takes on the CPU."""
    torch.set_num_threads(count)


@torch.inference_mode()
def padded_forward(network: SentimentCNN, texts: Sequence[NDArray[np.int32]]) -> Tensor:
    """Logits by the network itself, in padded batches of texts of like length."""
    device = network.fc.weight.device
    logits = torch.empty(len(texts), network.config.classes)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]), reverse=True)
    while order:
        longest = max(len(texts[order[0]]), 1)
        count = max(_PADDED_TOKENS // longest, 1)
        chosen, order = order[:count], order[count:]
        ids, lengths = pad([texts[index] for index in chosen], network.config.min_length)
        logits[chosen] = network(ids.to(device), lengths.to(device)).cpu()
    return logits
