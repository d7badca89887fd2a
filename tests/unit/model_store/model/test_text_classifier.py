"""A model of your own is served like the one that ships, or refused with the reason."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from model_store import artifact
from model_store.errors import ArtifactError, TextClassifierError
from model_store.model.classifier import Query, classify_together
from model_store.model.stages import Work
from model_store.model.text_classifier import as_classifier, load
from tests.conftest import ClassifierFactory


class Lengths:
    """Predicts "Long", with a probability that grows with the length of the text."""

    labels = ("Short", "Long", "Never")

    def probabilities(self, texts: Sequence[str]) -> ArrayLike:
        shares = np.array([min(len(text), 100) / 100 for text in texts])
        return np.column_stack([1 - shares, shares, np.zeros(len(texts))])


class Returning:
    """Returns the same for every call."""

    labels: Any = ("A", "B")

    def __init__(self, result: Any) -> None:
        self.result = result

    def probabilities(self, _: Sequence[str]) -> Any:
        return self.result


def test_its_probabilities_are_those_of_the_model() -> None:
    short, long = as_classifier(Lengths(), "lengths").classify(["x" * 25, "x" * 200])
    assert short.label == "Short"
    assert short.score == pytest.approx(0.75, abs=1e-12)
    assert short.probabilities == pytest.approx({"Short": 0.75, "Long": 0.25, "Never": 0.0})
    assert long.probabilities == pytest.approx({"Short": 0.0, "Long": 1.0, "Never": 0.0})


def test_it_shares_batches_with_other_classifiers(make_classifier: ClassifierFactory) -> None:
    own, shipped = as_classifier(Lengths(), "lengths"), make_classifier()
    texts = ["good film", "bad " * 30]
    work = Work()
    answers = classify_together([Query(text, (own, shipped)) for text in texts], work)
    assert [first.label for first, _ in answers] == ["Short", "Long"]
    assert [second for _, second in answers] == shipped.classify(texts)
    assert work.tokens == 2 * (2 + 30)


def test_half_precision_is_precise_enough() -> None:
    rows = np.array([[1 / 3, 2 / 3], [0.1, 0.9]], dtype=np.float16)
    result = as_classifier(Returning(rows), "half").classify(["a", "b"])[0]
    assert sum(result.probabilities.values()) == pytest.approx(1.0, abs=1e-12)


def test_it_cannot_be_saved_as_an_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="only a SentimentCNN can be saved"):
        artifact.save(
            tmp_path / "own", as_classifier(Lengths(), "lengths"), training={}, metrics={}
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[0.5, 0.5]], r"2 texts and 2 labels .* shape \(2, 2\), and it returned \(1, 2\)"),
        ([0.5, 0.5], r"and it returned \(2,\)"),
        ([[0.2, 0.3, 0.5]] * 2, r"and it returned \(2, 3\)"),
        ([[0.5, 0.5], [0.5, float("nan")]], "NaN or infinite"),
        ([[1.5, -0.5]] * 2, "below 0: -0.5"),
        ([[0.5, 0.5], [0.5, 0.3]], "must sum to 1, and they sum to 0.8"),
        ([["much", "little"]] * 2, "not an array of numbers"),
        (None, "not an array of numbers|it returned"),
    ],
)
def test_wrong_probabilities_are_refused_with_the_reason(rows: Any, reason: str) -> None:
    with pytest.raises(TextClassifierError, match=reason) as refused:
        as_classifier(Returning(rows), "own:Model")
    assert "own:Model" in str(refused.value)


def test_probabilities_are_checked_in_every_call() -> None:
    model = Returning([[0.5, 0.5]] * 2)
    classifier = as_classifier(model, "own")
    model.result = [[0.5, 0.6]]
    with pytest.raises(TextClassifierError, match=r"sum to 1\.1"):
        classifier.classify(["a"])


@pytest.mark.parametrize("labels", [None, "AB", (), ("A",), ("A", "A"), ("A", 1), ("A", ""), 2])
def test_labels_must_be_different_strings(labels: Any) -> None:
    model = Returning([[0.5, 0.5]] * 2)
    model.labels = labels
    with pytest.raises(TextClassifierError, match="labels must be two or more different strings"):
        as_classifier(model, "own")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a module `mine` on the Python path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path / "mine.py"


MODEL = """
class Even:
    labels = ["A", "B"]
    def probabilities(self, texts):
        return [[0.5, 0.5] for _ in texts]
"""


def test_a_model_is_named_by_its_setting_and_its_version(module: Path) -> None:
    module.write_text(MODEL + "def second():\n    model = Even()\n    model.version = '2'\n")
    module.write_text(module.read_text() + "    return model\n")
    assert load("mine:Even")[0] == "mine:Even"
    name, classifier = load("mine:second")
    assert name == "mine:second@2"
    assert classifier.labels == ("A", "B")


@pytest.mark.parametrize(
    ("spec", "content", "reason"),
    [
        ("mine", MODEL, "write it as package.module:callable"),
        (":Even", MODEL, "write it as package.module:callable"),
        ("absent_module:Even", MODEL, "importing absent_module failed with ModuleNotFoundError"),
        ("mine:Missing", MODEL, "mine has no callable Missing"),
        ("mine:Even", "1 / 0", "importing mine failed with ZeroDivisionError"),
        ("mine:Even", "Even = 3", "mine has no callable Even"),
        ("mine:Even", "def Even():\n    raise OSError('no file')", r"failed with OSError: no file"),
        ("mine:Even", "Even = dict", "dict has no method probabilities"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused_with_the_reason(
    module: Path, spec: str, content: str, reason: str
) -> None:
    module.write_text(content)
    with pytest.raises(TextClassifierError, match=reason):
        load(spec)
