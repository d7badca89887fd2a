"""Look at stored examples of controls that take one choice."""

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from adapters.learning.examples import Example, ExampleStore

NAMES = ("label", "sentiment", "verdict", "kind", "a", "b")


class OneChoice(NamedTuple):
    """A control whose annotations have one choice."""

    name: str

    def given(self, answers: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
        """Return the choice; None for several or none."""
        found = answers.get(self.name, ())
        return tuple(found) if len(found) == 1 else None


def snapshot(store: ExampleStore, project: str) -> list[Example]:
    """Return all examples of a project, by ascending task id."""
    return store.sample(project, [OneChoice(name) for name in NAMES], sys.maxsize)[0]
