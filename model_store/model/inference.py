"""Token ids in, features out, by the fastest means the device of a network has."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model_store.model.compiled import CompiledCNN, load_or_compile
from model_store.model.network import SentimentCNN, pad

Features = Callable[[Sequence[NDArray[np.int32]]], Tensor]
"""Texts as token ids, each of any length, to their features on the CPU: (texts, features)."""

_PADDED_TOKENS = 65_536


def features_of(network: SentimentCNN, shared: Path | None = None) -> Features:
    """What a network in evaluation mode, with the weights that it has now, finds in texts.

    On the CPU that is the compiled network, kept in a file that processes share if `shared` says
    where: folder and name, which must be this very network's. On another device it is the network
    itself.
    """
    network.eval()
    if network.fc.weight.device.type != "cpu":
        return lambda texts: padded_features(network, texts)
    if shared is None:
        return CompiledCNN.compile(network)
    return load_or_compile(network, shared.parent, shared.name)


def use_threads(count: int) -> None:
    """How many threads a forward pass of this process takes on the CPU."""
    torch.set_num_threads(count)


@torch.inference_mode()
def padded_features(network: SentimentCNN, texts: Sequence[NDArray[np.int32]]) -> Tensor:
    """Features by the network itself, in padded batches of texts of like length."""
    device = network.fc.weight.device
    features = torch.empty(len(texts), network.config.features)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]), reverse=True)
    while order:
        longest = max(len(texts[order[0]]), 1)
        count = max(_PADDED_TOKENS // longest, 1)
        chosen, order = order[:count], order[count:]
        ids, lengths = pad([texts[index] for index in chosen], network.config.min_length)
        features[chosen] = network.features(ids.to(device), lengths.to(device)).cpu()
    return features


@torch.inference_mode()
def logits_of(network: SentimentCNN, texts: Sequence[NDArray[np.int32]]) -> Tensor:
    """(texts, classes) logits on the CPU, of a network in evaluation mode as it is now."""
    features = features_of(network)(texts)
    return functional.linear(features, network.fc.weight.cpu(), network.fc.bias.cpu())
