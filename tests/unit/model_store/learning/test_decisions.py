"""What is learned where annotators disagree, and what corrections are worth."""

from dataclasses import replace

import numpy as np
import torch

from model_store.learning.candidate import learn
from model_store.learning.decisions import decide, judgements, worth
from model_store.learning.fitters import OnBlocks
from model_store.learning.split import folds
from model_store.learning.training_set import TrainingSet

LABELS = ("Ham", "Spam")
FITTER = OnBlocks({"encoder": 8})
COUNT = 120


def annotated() -> tuple[TrainingSet, torch.Tensor, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    classes = np.arange(COUNT) % 2
    features = rng.normal(size=(COUNT, 8)) + 3 * classes[:, None]
    answers = [(LABELS[each],) for each in classes]
    texts = [f"text {number}" for number in range(COUNT)]
    found = TrainingSet("kind", LABELS, list(range(COUNT)), texts, answers)
    return found, torch.from_numpy(features).float(), folds("1", range(COUNT), range(COUNT))


def test_ties_are_decided_by_the_model_and_by_who_is_reliable() -> None:
    found, features, parts = annotated()
    truth = [each[0] for each in found.answers]
    other = {"Ham": "Spam", "Spam": "Ham"}
    votes = [{1: label, 2: label} for label in truth]
    answers = list(found.answers)
    for row in range(0, 40, 4):
        votes[row] = {1: truth[row], 2: other[truth[row]]}
        answers[row] = ()
    tied = replace(found, answers=answers, votes=votes)
    assert tied.undecided.sum() == 10
    decided = decide(tied, features, parts, FITTER)
    assert decided.rows.all()
    assert not decided.disputed
    assert [each[0] for each in decided.training_set.answers] == truth


def test_what_nothing_decides_is_disputed_and_not_learned() -> None:
    found, features, parts = annotated()
    features[0] = features.mean(dim=0)
    votes = [{1: each[0], 2: each[0]} for each in found.answers]
    votes[0] = {3: "Ham", 4: "Spam"}
    tied = replace(found, answers=[(), *found.answers[1:]], votes=votes)
    decided = decide(tied, features, parts, FITTER)
    assert decided.rows.tolist() == [False, *[True] * (COUNT - 1)]
    rows = torch.from_numpy(decided.rows)
    outcome = learn(
        "kind",
        LABELS,
        features[rows],
        decided.training_set.answers,
        parts[decided.rows],
        fitter=FITTER,
    )
    said = {each.task: each for each in judgements(outcome, decided)}
    assert len(said) == COUNT
    assert said[0].is_disputed
    assert said[0].given == ()
    assert not said[1].is_disputed
    assert said[1].given == said[1].predicted == ("Spam",)


def test_corrections_are_worth_what_the_model_gets_right_with_them() -> None:
    found, features, parts = annotated()
    other = {"Ham": ("Spam",), "Spam": ("Ham",)}
    before = {task: other[found.answers[task][0]] for task in range(40)}
    value = worth(replace(found, before=before), features, parts, FITTER)
    assert value
    assert value.corrections == 40
    assert value.accuracy > value.accuracy_before
    assert "40 annotations were corrected" in str(value)
    assert worth(found, features, parts, FITTER) is None
    gone = replace(found, before={1: ("Other",)})
    assert worth(gone, features, parts, FITTER) is None, "the label is not offered any more"
