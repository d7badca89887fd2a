"""Tabs of Label Studio's Data Manager that show tasks with a mark, and the marks of the tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from adapters.label_studio.client import condition
from adapters.preannotate.budget.access import Access
from adapters.preannotate.patience import patiently


def show_tab(
    access: Access,
    title: str,
    *,
    filters: Sequence[Mapping[str, Any]],
    ordering: str,
) -> None:
    """Create a tab, or update the one that an earlier run created."""
    note = f"tab {title}"
    data: dict[str, Any] = {
        "title": title,
        "type": "list",
        "ordering": [ordering],
        "filters": {"conjunction": "and", "items": list(filters)},
        "columnsDisplayType": {ordering.lstrip("-"): "Number"},
    }
    known = access.notes.get(access.key, note)
    tabs = {view["id"] for view in patiently(access.api.views, access.number)}
    if known in tabs:
        patiently(access.api.change_view, access.number, known, data)
        return
    if not tabs:
        # The first tab is the one that Label All Tasks uses: it must have no order of its own.
        access.api.create_view(access.number, {"title": "Default", "type": "list"})
    access.notes.set(access.key, note, access.api.create_view(access.number, data))


def drop_tab(access: Access, title: str) -> None:
    """Delete a tab that `show_tab` created, if it exists."""
    note = f"tab {title}"
    if (view := access.notes.get(access.key, note)) is not None:
        patiently(access.api.delete_view, view)
        access.notes.set(access.key, note, None)


def has_mark(name: str) -> dict[str, Any]:
    """Return the filter for tasks that have a mark above 0."""
    return condition(f"data.{name}", "greater", "Number", 0)


class Marks:
    """The marks of some names that tasks of a project should have."""

    def __init__(self, access: Access, names: Sequence[str], *, is_quiet: bool) -> None:
        self._access = access
        self._names = names
        self._is_quiet = is_quiet

    def current(self) -> dict[int, Mapping[str, Any]]:
        """Return the data of the tasks that have marks of these names."""
        found = {}
        for name in self._names:
            for task in self._access.tasks(has_mark(name), fields=("data",)):
                if name in task["data"]:  # a release that ignores the filter sends all tasks
                    found[task["id"]] = task["data"]
        return found

    def put(self, wanted: Mapping[int, Mapping[str, Any]]) -> int:
        """Give tasks these marks and take them from all others; return how many tasks changed.

        Tasks that do not exist any more are left out. Other fields of the data stay.
        """
        current = self.current()
        changes = [
            task
            for task in sorted({*wanted, *current})
            if wanted.get(task, {}) != self._own(current.get(task, {}))
        ]
        for task in tqdm(
            changes, desc="marks", unit=" tasks", disable=self._is_quiet or None, leave=False
        ):
            self._mark(task, wanted.get(task, {}))
        return len(changes)

    def _own(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in self._names if name in data}

    def _mark(self, task: int, marks: Mapping[str, Any]) -> None:
        # Read it again: somebody may have changed the data since.
        data = patiently(self._access.api.task_data, task)
        if data is not None:
            kept = {name: value for name, value in data.items() if name not in self._names}
            patiently(self._access.api.change_task_data, task, {**kept, **marks})
