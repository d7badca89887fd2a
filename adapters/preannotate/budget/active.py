"""`preannotate active`: let Label Studio's label stream begin with the tasks that teach most.

Label Studio serves, to one annotator, the task with the lowest score in the cluster of which the
annotator has solved the fewest. The free edition does so, too; only its page has the choice locked.
It serves several annotators in random order, so there is a tab in the right order as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from adapters.label_studio.client import condition, having_version
from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.controls import Control
from adapters.label_studio.task_text import NoTextError, task_text
from adapters.preannotate.budget.access import Access
from adapters.preannotate.budget.tabs import drop_tab, show_tab
from adapters.preannotate.errors import LabelingConfigError
from adapters.preannotate.model import ModelReference
from adapters.preannotate.patience import patiently
from adapters.preannotate.project import PAGE_TASKS, ProjectRun
from model_store.learning.clusters import clustered, vectors_of

START = "most-different-first"
"""The version of empty predictions that order the stream before there is a model."""
TAB = "Label next"
_SAMPLING = "Uncertainty sampling"
_NOTE = "active"
_AT_ONCE = 2
"""Requests at once: Label Studio answers about twenty a second, however many come."""


@dataclass(frozen=True)
class Active:
    """What a run changes, or would change."""

    number: int
    version: str
    predictions: int
    """Tasks that get a prediction."""
    clusters: int
    """Predictions that get a cluster."""
    sampling: str
    """The order of the label stream before."""
    shown: str
    """The version that the project showed before."""
    is_done: bool

    def __str__(self) -> str:
        order = (
            "different tasks first, until there is a model"
            if self.version == START
            else "the least certain first, in turn of each cluster"
        )
        changes = (
            f"{self.predictions:,} tasks get a prediction, {self.clusters:,} a cluster; sampling "
            f'"{self.sampling}" becomes "{_SAMPLING}", and the shown version '
            f'"{self.shown}" becomes "{self.version}".'
        )
        lines = [
            f"Project {self.number}: the label stream in the order of {self.version} ({order}).",
            changes,
        ]
        if not self.is_done:
            return "\n".join([*lines, "Nothing was changed: --do does it."])
        lines.append(
            "One annotator gets this order from Label All Tasks. Label Studio serves several in "
            f'random order: in the tab "{TAB}", let them choose Label Tasks As Displayed.'
        )
        return "\n".join(lines)


def activate(
    access: Access, model: ModelReference, *, withhold: float, do: bool, quiet: bool
) -> Active:
    """Order the label stream by a model; without one, by how different tasks are.

    Without `do` nothing is changed. Raises ClientError and LabelingConfigError.
    """
    config = model.labeling_config(access.project["label_config"])
    control = next(iter((*config.controls, *config.trainable)), None)
    if control is None:
        raise LabelingConfigError(config.problems)
    version = model.version if config.controls else START
    places = _places(access, control)
    lacking = [task for task, place in places.items() if version not in place.versions]
    if do and lacking:
        if version == START:
            _import_start(access, {task: places[task].rank for task in lacking})
        else:
            run = ProjectRun(
                access.client,
                access.project,
                model,
                dry_run=False,
                rejects=None,
                quiet=quiet,
                withhold=withhold,
            )
            run(access.folder / "compiled")
    changes = list(_cluster_changes(access, places, version))
    before = {name: access.project.get(name) or "" for name in ("sampling", "model_version")}
    if do:
        _set_clusters(access, changes, quiet=quiet)
        _switch(access, version, before)
    return Active(
        access.number,
        version,
        predictions=len(lacking),
        clusters=len(changes) if do else len(changes) + len(lacking),
        sampling=before["sampling"],
        shown=before["model_version"],
        is_done=do,
    )


def undo(access: Access) -> str:
    """Put back the order and the version from before; return what was done. Raises ClientError."""
    before = access.notes.get(access.key, _NOTE)
    if before is None:
        return "Nothing to undo: the label stream of this project was not ordered from here."
    patiently(access.api.change_project, access.number, {"sampling": before["sampling"]})
    done = [f'Sampling is "{before["sampling"]}" again.']
    if (shown := before["model_version"]) != access.project["model_version"]:
        try:
            access.api.change_project(access.number, {"model_version": shown})
            done.append(f'The shown version is "{shown}" again.')
        except ClientError as error:
            if error.is_passing:
                raise
            done.append(f'Label Studio does not show "{shown}" again: it has no predictions of it.')
    starts = [
        prediction["id"]
        for task in access.tasks(having_version(START), fields=("predictions",))
        for prediction in task["predictions"]
        if prediction["model_version"] == START
    ]
    for prediction in starts:
        patiently(access.client.delete_prediction, prediction)
    if starts:
        done.append(f"{len(starts):,} predictions without an answer are gone.")
    drop_tab(access, TAB)
    access.notes.set(access.key, _NOTE, None)
    return " ".join(done)


@dataclass(frozen=True)
class _Place:
    """Where a task stands among the others."""

    cluster: int
    rank: float
    """In its cluster, in 0..1: 0 for the medoid."""
    versions: frozenset[str]
    """Those of its predictions."""


def _places(access: Access, control: Control) -> dict[int, _Place]:
    """Return the place of each task that has a text, by id.

    A task keeps the cluster that an earlier run gave it.
    """
    ids: list[int] = []
    texts: list[str] = []
    known: dict[int, int] = {}
    versions: list[frozenset[str]] = []
    for task in access.tasks(fields=("data", "predictions")):
        try:
            texts.append(task_text(task["data"], control))
        except NoTextError:
            continue
        if (cluster := _cluster_of(task["predictions"])) is not None:
            known[len(ids)] = cluster
        ids.append(task["id"])
        versions.append(frozenset(each["model_version"] for each in task["predictions"]))
    found = clustered(vectors_of(texts), known)
    return {
        task: _Place(*place)
        for task, *place in zip(
            ids, found.clusters.tolist(), found.typicality_ranks.tolist(), versions, strict=True
        )
    }


def _cluster_of(predictions: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the cluster that Label Studio counts a task in, once it is solved."""
    return max(
        (each["cluster"] for each in predictions if each["cluster"] is not None), default=None
    )


def _import_start(access: Access, ranks: Mapping[int, float]) -> None:
    """Store predictions without an answer, whose scores are the ranks, by task."""
    predictions = [
        {"task": task, "result": [], "score": rank, "model_version": START}
        for task, rank in ranks.items()
    ]
    for start in range(0, len(predictions), PAGE_TASKS):
        access.client.import_predictions(access.number, predictions[start : start + PAGE_TASKS])


def _cluster_changes(
    access: Access, places: Mapping[int, _Place], version: str
) -> Iterator[tuple[int, int]]:
    """Yield predictions with the cluster that they should have and have not."""
    for task in access.tasks(fields=("predictions", "total_annotations")):
        place = places.get(task["id"])
        if place is None or (
            task["total_annotations"] and _cluster_of(task["predictions"]) is not None
        ):
            continue
        for each in task["predictions"]:
            if each["model_version"] == version and each["cluster"] != place.cluster:
                yield each["id"], place.cluster


def _set_clusters(access: Access, changes: Sequence[tuple[int, int]], *, quiet: bool) -> None:
    with (
        ThreadPoolExecutor(_AT_ONCE) as threads,
        tqdm(total=len(changes), desc="clusters", disable=quiet or None, leave=False) as bar,
    ):
        for _ in threads.map(lambda change: patiently(access.api.set_cluster, *change), changes):
            bar.update()


def _switch(access: Access, version: str, before: Mapping[str, str]) -> None:
    """Let the project show the version and sample by it; remember what it did before."""
    if access.notes.get(access.key, _NOTE) is None:
        access.notes.set(access.key, _NOTE, dict(before))
    patiently(access.api.show_version, access.number, version)
    patiently(access.api.change_project, access.number, {"sampling": _SAMPLING})
    show_tab(
        access,
        TAB,
        filters=[condition("total_annotations", "equal", "Number", 0), having_version(version)],
        ordering="tasks:predictions_score",
    )
