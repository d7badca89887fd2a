"""Passages of reviews, and what teachers say of each of them.

Whole reviews teach a network little of short texts: in hundreds of words something is always said
plainly. So it also learns from passages, each with the teachers' opinion of the passage itself; the
label of the whole review would be wrong for many.

The teachers are transformers, fine-tuned on labelled reviews, and the lexicon VADER (Hutto and
Gilbert, 2014), which no film review has taught anything.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from model_store.model.tokenizer import tokenize
from model_store.pretraining.contrasts import contrasts, opinion_words
from model_store.pretraining.crops import cut, passages
from model_store.pretraining.subjects import with_another_subject
from model_store.pretraining.transformer import (
    TransformerClassifier,
    TransformerConfig,
    fine_tune,
)
from model_store.pretraining.workspace import Workspace

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class PassageConfig:
    """How passages are made, and how their teachers are fitted."""

    words: tuple[int, int] = (2, 64)
    """Fewest and most words of a passage, before its last sentence is completed."""
    share: float = 0.5
    """Share of the passages that are judged and learned from."""
    on_other_subjects: float = 0.3
    """Share of the passages that are rewritten to be about another subject."""
    contrasts: int = 30_000
    """Sentences made by rule; those are kept on whose label the teachers agree."""
    folds: int = 2
    """Number of transformers, each fitted to all but one fold of the labelled reviews."""
    fit: TransformerConfig = field(default_factory=TransformerConfig)
    lexicon_weight: float = 1.5
    """The logit of the lexicon's strongest opinion."""
    calibration_sharpening: float = 0.35
    """Temperature that sharpens what the teachers say of the passages that calibrate."""


@dataclass(frozen=True)
class Passage:
    """A passage of a review."""

    review: int
    text: str


@dataclass(frozen=True)
class Taught:
    """What the teachers say."""

    texts: list[str]
    """Passages, and sentences made by rule."""
    logits: Logits
    """(texts,), of the second class."""
    validation: list[str]
    """Passages of the validation reviews."""
    of_validation: Logits
    """(texts,), of the second class."""


def teach(
    transformer: str,
    labelled: Sequence[str],
    classes: NDArray[np.int64],
    unlabelled: Sequence[str],
    validation: Sequence[str],
    *,
    config: PassageConfig,
    seed: int,
    workspace: Workspace,
) -> Taught:
    """Fine-tune transformers on labelled reviews, and judge passages of all reviews.

    transformer: see `TransformerClassifier`. A passage of a labelled review is judged by a
    transformer that was not fitted to it, and those of unlabelled reviews by each in turn.
    Sentences made by rule and passages of validation reviews are judged by all.
    """
    teachers = []
    judges = np.arange(len(labelled) + len(unlabelled)) % config.folds
    folds = StratifiedKFold(config.folds, shuffle=True, random_state=seed)
    for fold, (seen, unseen) in enumerate(folds.split(classes, classes)):
        teacher = TransformerClassifier(transformer, max_tokens=config.fit.max_tokens)
        name = f"transformer-{fold + 1}"
        fine_tune(
            teacher,
            [labelled[i] for i in seen],
            classes[seen],
            config=config.fit,
            seed=seed + fold,
            checkpoint=workspace.folder / f"{name}.pt",
            name=name,
        )
        teachers.append(teacher)
        judges[unseen] = fold

    found = list(_passages([*labelled, *unlabelled], config, seed))
    reviews = np.array([passage.review for passage in found])
    logits = np.zeros(len(found))
    for fold, teacher in enumerate(teachers):
        rows = np.flatnonzero(judges[reviews] == fold)
        texts = [found[row].text for row in rows]
        logits[rows] = workspace.array(f"passages-{fold + 1}", lambda: teacher.logits(texts))  # noqa: B023

    def judged(texts: Sequence[str]) -> Logits:
        by_transformers = np.mean([teacher.logits(texts) for teacher in teachers], axis=0)
        return np.asarray(by_transformers + _lexicon(texts, config))

    by_rule, agreed = _by_rule(judged, labelled, config, seed, workspace)
    held = [text for review in validation for text in cut(review, config.words, seed)]
    texts = [passage.text for passage in found]
    return Taught(
        texts=[*texts, *by_rule],
        logits=np.concatenate([logits + _lexicon(texts, config), agreed]),
        validation=held,
        of_validation=workspace.array("validation", lambda: judged(held)),
    )


def _passages(reviews: Sequence[str], config: PassageConfig, seed: int) -> Iterator[Passage]:
    """Yield the passages of all reviews; those of a review depend on nothing but its place."""
    for index, review in enumerate(reviews):
        rng = np.random.default_rng([seed, index])
        for text in passages(review, config.words, rng):
            if rng.random() >= config.share:
                continue
            is_rewritten = rng.random() < config.on_other_subjects
            yield Passage(index, with_another_subject(text, rng) if is_rewritten else text)


def _by_rule(
    judged: Callable[[Sequence[str]], Logits],
    labelled: Sequence[str],
    config: PassageConfig,
    seed: int,
    workspace: Workspace,
) -> tuple[list[str], Logits]:
    """Return sentences made by rule and their logits, where the teachers say what the rule does."""
    praise, blame = opinion_words([tokenize(text) for text in labelled], judged)
    if not (praise and blame):
        return [], np.zeros(0)
    made = list(contrasts(praise, blame, config.contrasts, np.random.default_rng(seed)))
    texts = [text for text, _ in made]
    logits = workspace.array("by-rule", lambda: judged(texts))
    agreed = np.flatnonzero((logits > 0) == np.array([label for _, label in made]))
    return [texts[row] for row in agreed], logits[agreed]


def _lexicon(texts: Sequence[str], config: PassageConfig) -> Logits:
    """Return (texts,) logits by the lexicon, from its compound score in -1..1."""
    from vaderSentiment.vaderSentiment import (  # noqa: PLC0415 (not installed for serving)
        SentimentIntensityAnalyzer,
    )

    analyzer = SentimentIntensityAnalyzer()
    scores = [analyzer.polarity_scores(text)["compound"] for text in texts]
    return config.lexicon_weight * np.array(scores)
