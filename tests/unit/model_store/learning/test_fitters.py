"""A head for the labels of the shipped model goes as far from it as the examples demand."""

import numpy as np
import torch
from numpy.typing import NDArray

from model_store.learning.fitters import Examples, Replayed
from model_store.model.head import Head

LABELS = ("Negative", "Positive")
WIDTHS = {"encoder": 4, "embedding": 4, "opening": 4}
KNOWN = Head(LABELS, torch.tensor([[-1.0, 0, 0, 0], [1.0, 0, 0, 0]]), torch.zeros(2), 0.5)


def examples(count: int, column: int, seed: int = 0) -> Examples:
    """Return random texts whose label one feature tells, as surely as the known head says."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 12))
    classes = (rng.logistic(size=count) < 4 * features[:, column]).astype(np.int64)
    return Examples(torch.from_numpy(features).float(), np.eye(2)[classes], LABELS)


def right(head: Head, of: Examples) -> float:
    found: NDArray[np.int64] = head.logits(of.features).argmax(dim=1).numpy()
    return float((found == of.targets.argmax(axis=1)).mean())


def test_examples_that_agree_with_the_shipped_head_leave_it_as_it_is() -> None:
    fit = Replayed(WIDTHS, KNOWN, examples(200, 0, seed=1)).fit(examples(100, 0))
    assert fit.settings.step == 0
    torch.testing.assert_close(fit.head.weight[:, :4], KNOWN.weight / KNOWN.temperature)
    assert not fit.head.weight[:, 4:].any()


def test_examples_that_another_feature_tells_are_learned_and_the_others_kept() -> None:
    kept = examples(200, 0, seed=1)
    fitter = Replayed(WIDTHS, KNOWN, kept)
    ours = examples(300, 6)
    fit = fitter.fit(ours)
    assert fit.settings.step > 0
    assert right(fit.head, examples(500, 6, seed=2)) > 0.7
    bounded = Replayed(WIDTHS, KNOWN, kept, most=0.25).fit(ours)
    assert right(bounded.head, examples(500, 0, seed=3)) >= right(
        fit.head, examples(500, 0, seed=3)
    )


def test_the_settings_of_another_fit_decide_the_step() -> None:
    fitter = Replayed(WIDTHS, KNOWN, examples(200, 0, seed=1))
    first = fitter.fit(examples(300, 6))
    again = fitter.fit(examples(300, 6), first.settings)
    assert again.settings == first.settings
    torch.testing.assert_close(again.head.weight, first.head.weight)
