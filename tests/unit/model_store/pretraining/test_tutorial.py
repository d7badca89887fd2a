"""The tutorial's files become a classifier, and no code in them runs."""

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from model_store.errors import ImportFileError
from model_store.pretraining import tutorial
from tests.tutorial_files import TOKENS, vocabulary_pickle, write_archive, write_state_dict

TUTORIAL_VOCABULARY = Path(__file__).parents[5] / "shared/data/tutorial/vocab_obj.pt"


def test_the_tutorials_own_vocabulary_is_read() -> None:
    if not TUTORIAL_VOCABULARY.exists():
        pytest.skip(f"the tutorial's vocabulary is not at {TUTORIAL_VOCABULARY}")
    vocabulary = tutorial.read_vocabulary(TUTORIAL_VOCABULARY)
    assert len(vocabulary) == 21_501
    assert vocabulary.tokens[:4] == ("<unk>", "<pad>", "the", ".")


def test_imported_files_give_the_probabilities_of_an_independent_forward_pass(
    tmp_path: Path,
) -> None:
    vocabulary = write_archive(tmp_path / "vocab_obj.pt", vocabulary_pickle(TOKENS))
    state = write_state_dict(tmp_path / "cnn.pt")
    classifier = tutorial.load(tmp_path / "cnn.pt", vocabulary)
    texts = ["Good film.", "the bad, bad film . " * 200, "", "unknown words only here"]
    for text, result in zip(texts, classifier.classify(texts), strict=True):
        words = text.lower().replace(".", " . ").replace(",", " , ").split()[:256]
        ids = [TOKENS.index(word) if word in TOKENS else 0 for word in words]
        ids += [1] * (7 - len(ids))
        embedded = state["embedding.weight"][torch.tensor(ids)].T[None]
        pooled = [
            functional.conv1d(embedded, state[f"convs.{i}.weight"], state[f"convs.{i}.bias"])
            .relu()
            .amax(2)
            for i in range(3)
        ]
        logits = functional.linear(torch.cat(pooled, 1), state["fc.weight"], state["fc.bias"])
        expected = logits.softmax(1)[0].tolist()
        actual = [result.probabilities["Negative"], result.probabilities["Positive"]]
        assert actual == pytest.approx(expected, abs=1e-5)


class RunsCode:
    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize(
    "attack",
    [
        lambda witness: RunsCode(os.system, f"touch {witness}"),
        lambda witness: RunsCode(eval, f"open({str(witness)!r}, 'w')"),
        lambda witness: RunsCode(exec, f"open({str(witness)!r}, 'w')"),
        lambda witness: RunsCode(Path.touch, witness),
        lambda witness: OrderedDict(a=RunsCode(open, str(witness), "w")),
    ],
)
def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(
    tmp_path: Path, attack: Callable[[Path], object]
) -> None:
    witness = tmp_path / "ran"
    hostile = pickle.dumps(attack(witness), protocol=2)
    with pytest.raises(ImportFileError, match="not a torchtext vocabulary"):
        tutorial.read_vocabulary(write_archive(tmp_path / "vocab_obj.pt", hostile))
    (tmp_path / "cnn.pt").write_bytes(hostile)
    vocabulary = write_archive(tmp_path / "good.pt", vocabulary_pickle(TOKENS))
    with pytest.raises(ImportFileError, match="not a state dict"):
        tutorial.load(tmp_path / "cnn.pt", vocabulary)
    torch.save(attack(witness), tmp_path / "saved.pt")
    with pytest.raises(ImportFileError, match="not a state dict"):
        tutorial.load(tmp_path / "saved.pt", vocabulary)
    assert not witness.exists()


def test_the_message_names_the_class_that_a_vocabulary_does_not_need(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "vocab_obj.pt", b"\x80\x02cposix\nsystem\n.")
    with pytest.raises(ImportFileError, match=r"asks for posix\.system"):
        tutorial.read_vocabulary(path)


def test_weights_for_another_vocabulary_are_refused_with_both_shapes(tmp_path: Path) -> None:
    vocabulary = write_archive(tmp_path / "vocab_obj.pt", vocabulary_pickle(TOKENS))
    write_state_dict(tmp_path / "cnn.pt", tokens=9)
    with pytest.raises(ImportFileError, match=r"\[8, 300\].*\[9, 300\]"):
        tutorial.load(tmp_path / "cnn.pt", vocabulary)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04", b"\x80\x02]."])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vocab_obj.pt").write_bytes(content)
    with pytest.raises(ImportFileError, match="vocab_obj"):
        tutorial.read_vocabulary(tmp_path / "vocab_obj.pt")


def test_a_state_dict_of_other_things_is_refused(tmp_path: Path) -> None:
    vocabulary = write_archive(tmp_path / "vocab_obj.pt", vocabulary_pickle(TOKENS))
    torch.save({"fc.bias": [0.0, 1.0]}, tmp_path / "cnn.pt")
    with pytest.raises(ImportFileError, match="names and tensors"):
        tutorial.load(tmp_path / "cnn.pt", vocabulary)
