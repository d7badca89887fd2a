"""The fast forward pass is equal to the network."""

import numpy as np
import pytest
import torch

from model_store.model.network import NetworkConfig, SentimentCNN, pad
from model_store.pretraining import sparse
from model_store.pretraining.sparse import sparse_forward

_RANDOM = np.random.default_rng(0)
TEXTS = [_RANDOM.integers(2, 40, length).astype(np.int32) for length in (0, 1, 6, 7, 8, 30, 30, 99)]


@pytest.fixture
def network() -> SentimentCNN:
    torch.manual_seed(0)
    network = SentimentCNN(
        NetworkConfig(vocabulary_size=40, embedding_dim=12, filters=6, dropout=0.0)
    )
    for name, parameter in network.convs.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.uniform_(
                parameter, 0.0, 2.0
            )  # windows of padding alone would have the maximum
    return network


def test_the_fast_forward_pass_gives_the_logits_and_gradients_of_the_network(
    network: SentimentCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse, "product_dtype", lambda _: torch.float32)
    ids, lengths = pad(TEXTS, network.config.min_length)
    real, cheap = network(ids, lengths), sparse_forward(network, ids, lengths)
    torch.testing.assert_close(cheap, real)
    weights = torch.randn_like(real)
    expected = torch.autograd.grad((real * weights).sum(), list(network.parameters()))
    actual = torch.autograd.grad((cheap * weights).sum(), list(network.parameters()))
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_word_dropout_leaves_out_word_types(network: SentimentCNN) -> None:
    ids, lengths = pad([[7] * 10], network.config.min_length)
    seen = {
        round(sparse_forward(network, ids, lengths, word_dropout=0.5)[0, 0].item(), 3)
        for _ in range(40)
    }
    assert len(seen) == 2, "the one word is kept or dropped"
