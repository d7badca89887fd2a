"""Turn token ids into features in the fastest way for the network's device."""

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
"""Maps token ids, each text of any length, to (texts, features) on the CPU."""

_PADDED_TOKENS = 65_536


def features_of(network: SentimentCNN, shared: Path | None = None) -> Features:
    """Return the function that computes features with the current weights of a network.

    The network is set to evaluation mode. On a CPU it is compiled; `shared`, a path that must be
    unique for these weights, names a file that processes share. Other devices run the network
    itself.
    """
    network.eval()
    if network.fc.weight.device.type != "cpu":
        return lambda texts: padded_features(network, texts)
    if shared is None:
        return CompiledCNN.compile(network)
    return load_or_compile(network, shared.parent, shared.name)


def use_threads(count: int) -> None:
    """Set the number of threads of a forward pass on the CPU, for this process."""
    torch.set_num_threads(count)


@torch.inference_mode()
def padded_features(network: SentimentCNN, texts: Sequence[NDArray[np.int32]]) -> Tensor:
    """Compute features with the network itself, in padded batches of similar length."""
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
    """Return (texts, classes) logits on the CPU, with the network in evaluation mode."""
    features = features_of(network)(texts)
    return functional.linear(features, network.fc.weight.cpu(), network.fc.bias.cpu())
