"""A head on several blocks learns from the ones that tell labels apart."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_store.learning.blocks import PRIOR, BlockFit, fit_blocks, without_unused
from model_store.model.head import Head

WIDTHS = {"encoder": 10, "embedding": 6, "opening": 6, "ngrams": 300}
LABELS = ("World", "Sport", "Science")


def examples(count: int, informative: str) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Return (texts, features) of which one block tells the classes apart, and the classes."""
    rng = np.random.default_rng(1)
    classes = np.arange(count) % len(LABELS)
    parts = []
    for name, width in WIDTHS.items():
        part = rng.normal(size=(count, width)) + 3
        if name == informative:
            part += 4 * np.eye(len(LABELS), width)[classes]
        parts.append(part)
    return torch.from_numpy(np.concatenate(parts, axis=1)).float(), classes


def fitted(count: int, informative: str) -> tuple[BlockFit, torch.Tensor, NDArray[np.int64]]:
    features, classes = examples(count, informative)
    targets = np.eye(len(LABELS))[classes]
    return fit_blocks(features, WIDTHS, targets, LABELS), features, classes


@pytest.mark.parametrize("informative", ["encoder", "embedding", "opening"])
def test_the_block_that_tells_labels_apart_gets_a_larger_share_than_usual(
    informative: str,
) -> None:
    fit, features, classes = fitted(90, informative)
    assert fit.settings.shares[informative] > PRIOR[informative]
    assert sum(fit.settings.shares.values()) == pytest.approx(1)
    found = fit.head.logits(features).argmax(dim=1).numpy()
    assert (found == classes).mean() > 0.95


def test_more_examples_than_features_and_fewer_learn_the_same_labels() -> None:
    few, features, classes = fitted(60, "embedding")
    many, _, _ = fitted(600, "embedding")
    for fit in (few, many):
        found = fit.head.logits(features).argmax(dim=1).numpy()
        assert (found == classes).mean() > 0.9


def test_equal_examples_give_equal_heads() -> None:
    first, second = (fitted(60, "embedding")[0] for _ in range(2))
    assert first.settings == second.settings
    assert torch.equal(first.head.weight, second.head.weight)


def test_a_block_without_a_share_has_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_store.learning.blocks.MIN_SHARE", 0.3)
    fit, features, _ = fitted(90, "embedding")
    assert set(fit.settings.shares) < set(WIDTHS)
    head = without_unused(fit.head, WIDTHS, fit.settings.shares)
    start = 0
    kept = []
    for name, width in WIDTHS.items():
        block = "embedding" if name == "opening" else name
        if any(block in (used, {"opening": "embedding"}.get(used)) for used in fit.settings.shares):
            kept.append(features[:, start : start + width])
        else:
            assert not fit.head.weight[:, start : start + width].any()
        start += width
    torch.testing.assert_close(head.logits(torch.cat(kept, dim=1)), fit.head.logits(features))


def test_features_that_do_not_match_their_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="do not match"):
        fit_blocks(torch.zeros(3, 5), {"encoder": 4}, np.eye(3), LABELS)
    with pytest.raises(ValueError, match="do not match"):
        fit_blocks(torch.zeros(3, 4), {"encoder": 4}, np.eye(2), LABELS)


def test_features_that_never_vary_do_no_harm() -> None:
    fit = fit_blocks(torch.ones(20, sum(WIDTHS.values())), WIDTHS, np.eye(3)[[0, 1] * 10], LABELS)
    assert fit.head.weight.isfinite().all()
    assert fit.head.bias.isfinite().all()


def test_the_logits_of_a_known_head_are_a_block_that_need_not_be_served() -> None:
    features, classes = examples(300, "encoder")
    targets = np.eye(len(LABELS))[classes]
    learned = fit_blocks(features, WIDTHS, targets, LABELS).head
    known = Head(LABELS, learned.weight[:, :10], learned.bias, temperature=2.0)
    few = np.arange(300) < 12
    rows = torch.from_numpy(few)
    fits = [
        fit_blocks(features[rows], WIDTHS, targets[few], LABELS, known=each)
        for each in (None, known)
    ]
    right = [
        (fit.head.logits(features).argmax(dim=1).numpy() == classes)[~few].mean() for fit in fits
    ]
    assert fits[1].head.weight.shape == (3, sum(WIDTHS.values()))
    assert fits[1].settings.shares["known"] > 0
    assert right[1] > right[0]


def test_settings_of_another_fit_are_taken_over() -> None:
    fit, features, classes = fitted(90, "embedding")
    targets = np.eye(len(LABELS))[classes]
    again = fit_blocks(features, WIDTHS, targets, LABELS, settings=fit.settings)
    assert again.settings == fit.settings
    torch.testing.assert_close(again.head.weight, fit.head.weight)


def test_a_rating_has_one_direction_and_equal_answers_say_nothing() -> None:
    features, classes = examples(90, "embedding")
    targets = np.eye(len(LABELS))[classes]
    weight = fit_blocks(features, WIDTHS, targets, LABELS, "rating").head.weight
    assert torch.linalg.matrix_rank(weight, rtol=1e-4) == 1
    torch.testing.assert_close(weight[1], torch.zeros_like(weight[1]), atol=1e-6, rtol=0)
    same = fit_blocks(features, WIDTHS, np.eye(3)[[0] * 90], LABELS).head
    assert set(same.logits(features).argmax(dim=1).tolist()) == {0}
