"""`preannotate --duplicates`: number the groups of tasks whose texts are nearly the same.

Workers put signatures into the tasks; when all are there, the numbers of the groups replace them.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.label_studio.controls import Control
from adapters.label_studio.task_text import task_text
from model_store.budget.duplicates import Groups, signature

COLUMN = "duplicate_group"
"""The field of a task's data with the number of the first task of its group, from 1."""
_SIGNATURE = re.compile(rb'"duplicate_group":"~([A-Za-z0-9+/=]+)~"')


@dataclass(frozen=True)
class Duplicates:
    """How many tasks have texts that are nearly those of others."""

    tasks: int
    """Tasks that are nearly the same as an earlier one."""

    def __str__(self) -> str:
        return f"{self.tasks:,} tasks are nearly the same as earlier ones."


def with_signature(data: Mapping[str, Any], control: Control) -> dict[str, Any]:
    """Return the data of a task with the signature of its text."""
    text = task_text(data, control)
    return {**data, COLUMN: f"~{base64.b64encode(signature(text)).decode()}~"}


def number_groups(tasks: Path, folder: Path) -> tuple[Path, Duplicates]:
    """Replace the signatures in lines of tasks by the numbers of their groups.

    Returns the new file, in the folder, and the count. Raises OSError.
    """
    numbered = folder / ".tasks.draft.jsonl"
    with Groups(folder) as groups:
        with tasks.open("rb") as lines:
            for line in lines:
                if found := _SIGNATURE.search(line):
                    groups.add(base64.b64decode(found[1]))
        first = groups.solve()
        copies = 0
        with tasks.open("rb") as lines, numbered.open("wb") as out:
            for place, line in enumerate(lines):
                group = int(first[place])
                copies += group != place
                out.write(_SIGNATURE.sub(b'"duplicate_group":%d' % (group + 1), line, count=1))
        del first  # closes the mapped file
    return numbered, Duplicates(copies)
