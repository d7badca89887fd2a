"""`preannotate review`: tabs with the annotations that are likely wrong, and the disputed tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.label_studio.marks import DISPUTED, SUGGESTION, SUSPECT
from adapters.learning.judgement_table import Judgements, StoredJudgement
from adapters.preannotate.budget.access import Access
from adapters.preannotate.budget.tabs import Marks, drop_tab, has_mark, show_tab

SUSPECTS_TAB = "Suspects"
DISPUTED_TAB = "Disputed"
_LEAST = 1e-4
"""The smallest mark: Label Studio filters for marks above 0."""


@dataclass(frozen=True)
class Review:
    """What a run changes, or would change."""

    suspects: int
    disputed: int
    judged: int
    """Tasks that the last training judged."""
    changed: int | None
    """Tasks whose marks changed; None if nothing was to be changed."""

    def __str__(self) -> str:
        if not self.judged:
            return "No training has judged the annotations of this project yet: train it first."
        found = (
            f"{self.suspects:,} suspects and {self.disputed:,} disputed tasks, of {self.judged:,} "
            "that the last training judged."
        )
        if self.changed is None:
            return f"{found}\nNothing was changed: --do puts them into tabs."
        return (
            f'{found}\nTabs "{SUSPECTS_TAB}" and "{DISPUTED_TAB}" show them, the worst first; '
            f"{self.changed:,} tasks changed their marks."
        )


def review(access: Access, *, most: int | None, do: bool, quiet: bool) -> Review:
    """Put the suspects and the disputed tasks of a project into two tabs; raises ClientError.

    most: the number of suspects; by default all. Without `do` nothing is changed.
    """
    judgements = Judgements(access.engine).of(access.key)
    still_open = [each for each in judgements if each.is_open]
    suspects = _worst([each for each in still_open if each.is_suspect], most)
    disputed = _worst([each for each in still_open if each.is_disputed], None)
    wanted: dict[int, dict[str, Any]] = {}
    for found, name in ((suspects, SUSPECT), (disputed, DISPUTED)):
        for task, each in found.items():
            marks = wanted.setdefault(task, {})
            marks[name] = max(round(1 - each.quality, 4), _LEAST)
            marks[SUGGESTION] = f"{each.control}: {', '.join(each.predicted) or 'none'}"
    changed = None
    if do:
        changed = Marks(access, (SUSPECT, DISPUTED, SUGGESTION), is_quiet=quiet).put(wanted)
        for title, name in ((SUSPECTS_TAB, SUSPECT), (DISPUTED_TAB, DISPUTED)):
            show_tab(access, title, filters=[has_mark(name)], ordering=f"-tasks:data.{name}")
    return Review(len(suspects), len(disputed), len({each.task for each in judgements}), changed)


def undo(access: Access, *, quiet: bool) -> str:
    """Remove the tabs and the marks; return what was done."""
    changed = Marks(access, (SUSPECT, DISPUTED, SUGGESTION), is_quiet=quiet).put({})
    for title in (SUSPECTS_TAB, DISPUTED_TAB):
        drop_tab(access, title)
    return f"The tabs are gone, and the marks of {changed:,} tasks."


def _worst(
    judgements: Sequence[StoredJudgement], most: int | None
) -> Mapping[int, StoredJudgement]:
    """Return the least likely judgement of each task, the worst first."""
    found: dict[int, StoredJudgement] = {}
    for each in judgements:  # the least likely first
        found.setdefault(each.task, each)
    return dict(list(found.items())[:most])
