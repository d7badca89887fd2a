"""The compiled network gives the features of the network, from a file and from memory."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from model_store.model import compiled
from model_store.model.compiled import CompiledCNN, load_or_compile
from model_store.model.inference import padded_features
from model_store.model.network import NetworkConfig, SentimentCNN, pad

WORDS = 40
_RANDOM = np.random.default_rng(0)
TEXTS = [
    _RANDOM.integers(0, WORDS, length).astype(np.int32) for length in (0, 1, 6, 7, 8, 30, 99, 400)
]


def make_network(seed: int = 0) -> SentimentCNN:
    torch.manual_seed(seed)
    network = SentimentCNN(NetworkConfig(vocabulary_size=WORDS, embedding_dim=12, filters=6))
    for name, parameter in network.convs.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.uniform_(
                parameter, 0.0, 2.0
            )  # windows of padding alone would have the maximum
    return network.eval()


@torch.inference_mode()
def reference(network: SentimentCNN, texts: list[NDArray[np.int32]]) -> Tensor:
    """The features of each text in a batch of one."""
    return torch.cat([network.features(*pad([text], network.config.min_length)) for text in texts])


@given(
    st.lists(
        st.lists(st.integers(0, WORDS - 1), max_size=60).map(lambda ids: np.array(ids, np.int32)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 100),
)
def test_any_batch_gets_the_logits_of_the_network(
    texts: list[NDArray[np.int32]], batch_tokens: int
) -> None:
    network = make_network()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_BATCH_TOKENS", batch_tokens)
        actual = CompiledCNN.compile(network)(texts)
    torch.testing.assert_close(actual, reference(network, texts), atol=1e-5, rtol=1e-5)


def test_a_text_longer_than_a_batch_is_not_cut() -> None:
    network = make_network()
    texts = [_RANDOM.integers(0, WORDS, 10_000).astype(np.int32)]
    torch.testing.assert_close(
        CompiledCNN.compile(network)(texts), reference(network, texts), atol=1e-5, rtol=1e-5
    )


def test_no_texts_give_no_features() -> None:
    assert CompiledCNN.compile(make_network())([]).shape == (0, 18)


def test_padded_batches_get_the_logits_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs use padded batches."""
    monkeypatch.setattr("model_store.model.inference._PADDED_TOKENS", 500)
    network = make_network()
    torch.testing.assert_close(
        padded_features(network, TEXTS), reference(network, TEXTS), atol=1e-5, rtol=1e-5
    )
    assert padded_features(network, []).shape == (0, 18)


def test_the_file_is_written_once_for_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network()
    made = []
    compile_network = CompiledCNN.compile

    def count(network: SentimentCNN) -> CompiledCNN:
        made.append(network)
        return compile_network(network)

    monkeypatch.setattr(CompiledCNN, "compile", count)
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: load_or_compile(network, tmp_path / "new", "a"), range(8)))
    assert len(made) == 1
    for one in loaded:
        torch.testing.assert_close(one(TEXTS), reference(network, TEXTS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("content", [b"", b"\x08" + bytes(40), b"other"], ids=repr)
def test_an_unusable_file_is_written_again(tmp_path: Path, content: bytes) -> None:
    load_or_compile(make_network(), tmp_path, "a")
    (path,) = tmp_path.glob("*.safetensors")
    if content == b"other":
        other = SentimentCNN(NetworkConfig(vocabulary_size=3, embedding_dim=2, filters=1))
        load_or_compile(other, tmp_path, "b")
        (tmp_path / path.name.replace("a", "b", 1)).replace(path)
    else:
        path.write_bytes(content)
    for _ in range(2):
        loaded = load_or_compile(make_network(), tmp_path, "a")
        torch.testing.assert_close(loaded(TEXTS), CompiledCNN.compile(make_network())(TEXTS))


@pytest.mark.parametrize("number", [0.0, 1e30, float("nan")])
def test_a_damaged_file_is_never_used_and_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, number: float
) -> None:
    load_or_compile(make_network(), tmp_path, "a")
    (path,) = tmp_path.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-4000:-3996] = np.float32(number).tobytes()
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            loaded = load_or_compile(make_network(), tmp_path, "a")
            torch.testing.assert_close(loaded(TEXTS), CompiledCNN.compile(make_network())(TEXTS))
    assert {record.message for record in caplog.records} == {
        f"{path} cannot be used: its checksum is wrong, so it is damaged"
    }


def test_the_table_of_another_network_is_never_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_or_compile(make_network(seed=1), tmp_path, "a")
    with caplog.at_level(logging.WARNING):
        loaded = load_or_compile(make_network(), tmp_path, "a")
    torch.testing.assert_close(loaded(TEXTS), CompiledCNN.compile(make_network())(TEXTS))
    assert "does not compute what the network computes" in caplog.text


def test_the_table_stays_in_memory_if_the_folder_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        loaded = load_or_compile(make_network(), tmp_path / "file" / "folder", "a")
    assert "not shared" in caplog.text
    torch.testing.assert_close(loaded(TEXTS), CompiledCNN.compile(make_network())(TEXTS))


def test_a_full_disk_leaves_no_partial_file_and_the_table_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(_: dict[str, Tensor], path: Path, **_options: Any) -> None:
        path.write_bytes(b"half of it")
        raise SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr(compiled, "save_file", write_half)
    with caplog.at_level(logging.WARNING):
        loaded = load_or_compile(make_network(), tmp_path, "a")
    assert "not shared" in caplog.text
    torch.testing.assert_close(loaded(TEXTS), CompiledCNN.compile(make_network())(TEXTS))
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


def test_an_existing_file_is_read_without_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a read-only folder with the file works."""
    load_or_compile(make_network(), tmp_path, "a")
    monkeypatch.setattr(compiled, "FileLock", None)
    monkeypatch.setattr(CompiledCNN, "compile", None)
    assert load_or_compile(make_network(), tmp_path, "a")(TEXTS).shape == (len(TEXTS), 18)
