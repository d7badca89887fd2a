"""Fitting learns, and a killed run resumes with the result of an undisturbed one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_store.model.inference import logits_of
from model_store.model.network import NetworkConfig, SentimentCNN
from model_store.pretraining import fitting
from model_store.pretraining.fitting import FitConfig, Source, fit

CONFIG = FitConfig(epochs=3, max_tokens=20)


@pytest.fixture
def network() -> SentimentCNN:
    torch.manual_seed(0)
    return SentimentCNN(NetworkConfig(vocabulary_size=40, embedding_dim=12, filters=6, dropout=0.0))


def make_texts(count: int, seed: int = 0) -> tuple[list[NDArray[np.int32]], NDArray[np.int64]]:
    """Texts of the second class hold token 5."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    texts = [rng.integers(6, 40, rng.integers(1, 30)).astype(np.int32) for _ in range(count)]
    for text, label in zip(texts, classes, strict=True):
        text[0] = 5 if label else text[0]
    return texts, classes


def run(
    network: SentimentCNN,
    checkpoint: Path,
    config: FitConfig = CONFIG,
    *,
    count: int = 64,
    word_dropout: float = 0.4,
) -> None:
    texts, classes = make_texts(count)
    targets = np.eye(2, dtype=np.float32)[classes]
    fit(
        network,
        [Source(texts, targets, 8, word_dropout)],
        make_texts(32, seed=1),
        config=config,
        seed=0,
        checkpoint=checkpoint,
        name="test",
    )


def test_a_fit_learns_separable_texts(network: SentimentCNN, tmp_path: Path) -> None:
    config = FitConfig(epochs=8, learning_rate=1e-2, embedding_learning_rate=1e-2)
    run(network, tmp_path / "fit.pt", config, count=600, word_dropout=0.0)
    texts, classes = make_texts(200, seed=2)
    assert (logits_of(network, texts).numpy().argmax(axis=1) == classes).mean() > 0.9


def test_a_killed_fit_resumes_with_the_same_result(
    network: SentimentCNN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    run(network, tmp_path / "undisturbed.pt")
    undisturbed = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    network.load_state_dict(start)
    calls = iter(range(100))
    real = fitting._log_loss

    def killed(*args: object) -> float:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(fitting, "_log_loss", killed)
        with pytest.raises(KeyboardInterrupt):
            run(network, tmp_path / "killed.pt")
    network.load_state_dict(start)
    run(network, tmp_path / "killed.pt")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, undisturbed[name]), name
