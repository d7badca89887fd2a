"""Classify a text by one or two versions, for the page."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.server.classify import Runner
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query
from model_store.model.evidence import Evidence, cut
from model_store.serving.registry import Registry

_LEVELS = 3
"""Shades of a highlight."""


class Asked(NamedTuple):
    """What the form asks."""

    text: str
    version: str
    other: str
    """A second version; empty for none."""


class Piece(NamedTuple):
    """A part of the text."""

    text: str
    style: str = ""
    """`for-1` to `for-3` where it speaks for the label, `against-1` to `against-3`."""
    weight: float = 0.0


@dataclass(frozen=True)
class Found:
    """What a version says for one control, or with the labels that it was shipped with."""

    control: str
    classification: Classification
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Answer:
    """What a version says."""

    version: str
    found: Sequence[Found]
    """Empty if the version does not exist or cannot be loaded."""


async def try_text(
    asked: Asked, registry: Registry, runner: Runner, *, deadline: float
) -> list[Answer]:
    """Return the answers of the versions that are asked for, each with its evidence.

    Raises ModelStoreError if the model cannot answer.
    """
    return [
        await _answer(asked.text, name, registry, runner, deadline)
        for name in dict.fromkeys((asked.version, asked.other))
        if name
    ]


async def _answer(
    text: str, name: str, registry: Registry, runner: Runner, deadline: float
) -> Answer:
    known = await asyncio.to_thread(registry.find, name) if registry.knows(name) else None
    if known is None:
        return Answer(name, ())
    classifiers: dict[str, Classifier] = {
        control: known.classifier.for_control(control) for control in known.classifier.heads
    } or {"": known.classifier}
    query = Query(text, list(classifiers.values()), with_evidence=True)
    answers = await runner.classify([query], deadline=deadline)
    return Answer(
        known.name,
        [
            Found(control, each, list(_pieces(text, each.evidence)))
            for of_text in answers
            for control, each in zip(classifiers, of_text, strict=True)
        ],
    )


def _pieces(text: str, evidence: Evidence | None) -> Iterator[Piece]:
    """Cut a text at its evidence."""
    spans = evidence.spans() if evidence else []
    heaviest = max((abs(span.weight) for span in spans), default=1.0)
    for part, weight in cut(text, spans):
        side = "for" if weight > 0 else "against"
        level = min(int(_LEVELS * abs(weight) / heaviest) + 1, _LEVELS)
        yield Piece(part, f"{side}-{level}" if weight else "", weight)
