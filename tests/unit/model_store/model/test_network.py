"""The network has the tutorial's layers, and padding does not change its answers."""

import torch
from torch import nn

from model_store.model.network import NetworkConfig, SentimentCNN, pad


def test_the_state_dict_has_the_keys_and_shapes_of_the_tutorial() -> None:
    network = SentimentCNN(NetworkConfig(vocabulary_size=21_501))
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == {
        "embedding.weight": (21_501, 300),
        "convs.0.weight": (100, 300, 3),
        "convs.0.bias": (100,),
        "convs.1.weight": (100, 300, 5),
        "convs.1.bias": (100,),
        "convs.2.weight": (100, 300, 7),
        "convs.2.bias": (100,),
        "fc.weight": (2, 300),
        "fc.bias": (2,),
    }
    assert network.dropout.p == 0.25


def tutorial_forward(network: SentimentCNN, ids: list[int]) -> torch.Tensor:
    """The tutorial's forward pass of one text, written from its description."""
    ids = ids + [1] * (7 - len(ids))
    weights = network.convs.state_dict()
    embedded = network.embedding.weight[torch.tensor(ids)].T[None]
    pooled = [
        nn.functional.conv1d(embedded, weights[f"{i}.weight"], weights[f"{i}.bias"]).relu().amax(2)
        for i in range(3)
    ]
    logits: torch.Tensor = network.fc(torch.cat(pooled, dim=1))[0]
    return logits


def test_the_shapes_of_a_config_are_those_of_its_network() -> None:
    config = NetworkConfig(vocabulary_size=7, classes=3, filters=4, kernel_sizes=(2, 3))
    expected = {name: list(w.shape) for name, w in SentimentCNN(config).state_dict().items()}
    assert config.shapes == expected


def test_a_padded_batch_gives_the_tutorials_logits_for_each_text() -> None:
    torch.manual_seed(0)
    network = SentimentCNN(NetworkConfig(vocabulary_size=50, embedding_dim=16, filters=8)).eval()
    for name, parameter in network.convs.named_parameters():
        if name.endswith("bias"):
            nn.init.uniform_(parameter, 0.0, 2.0)  # windows of padding alone would have the maximum
    sequences = [[], [2], [3] * 6, list(range(2, 9)), list(range(2, 50)), [7, 8, 9]]
    with torch.inference_mode():
        logits = network(*pad(sequences, network.config.min_length))
        for row, sequence in zip(logits, sequences, strict=True):
            torch.testing.assert_close(row, tutorial_forward(network, sequence))


def test_the_padding_vector_stays_zero_in_training() -> None:
    network = SentimentCNN(NetworkConfig(vocabulary_size=50, embedding_dim=16, filters=8))
    network(*pad([[2, 3], [4] * 9], 7)).sum().backward()
    assert network.embedding.weight.grad is not None
    assert not network.embedding.weight[1].any()
    assert not network.embedding.weight.grad[1].any()
