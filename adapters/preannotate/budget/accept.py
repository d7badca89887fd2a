"""`preannotate accept`: make annotations of the predictions that are certain enough.

The audit comes first: if it contradicts an earlier acceptance, that is withdrawn and nothing new is
accepted.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from adapters.label_studio.client import condition
from adapters.label_studio.controls import Control
from adapters.label_studio.events import annotation_of
from adapters.label_studio.marks import AUDIT
from adapters.label_studio.withholding import is_withheld
from adapters.learning.acceptance_table import (
    Acceptance,
    Acceptances,
    AcceptedTask,
    State,
)
from adapters.learning.audits import Audit
from adapters.learning.budget import Calibration
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.learning.judgement_table import Judgements
from adapters.preannotate.budget.access import Access
from adapters.preannotate.budget.tabs import Marks, drop_tab, has_mark, show_tab
from adapters.preannotate.errors import LabelingConfigError, PreannotateError
from adapters.preannotate.model import LoadedModel, ModelReference
from adapters.preannotate.patience import patiently
from adapters.preannotate.project import PAGE_TASKS, ProjectRun, record_of
from adapters.preannotate.step import Annotated, annotate
from model_store.budget.acceptance import (
    Promise,
    Threshold,
    audit_size,
    choose,
    missing,
    percent,
)
from model_store.model.uncertainty import score_of
from model_store.serving.deployments import DeploymentLog

AUDIT_TAB = "Audit"
_BY = "preannotate accept"
_AT_ONCE = 100
"""Annotations that Label Studio creates in one request."""

Answers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Accepted:
    """What a run did, or would do."""

    promise: Promise
    pool: int = 0
    """Tasks without annotation that have a prediction."""
    threshold: Threshold | None = None
    missing: int | None = None
    """Annotations until something can be accepted, if nothing can be."""
    audits: Sequence[Audit] = ()
    withdrawn: int = 0
    """Annotations that were deleted."""
    kept: int = 0
    """Annotations of a withdrawn acceptance that people have changed since."""
    created: int = 0
    audited: int = 0
    """Tasks that stay in the queue for the audit."""
    notes: Sequence[str] = ()
    is_done: bool = False

    def __str__(self) -> str:
        lines = [str(each) for each in self.audits]
        if any(each.is_contradicted for each in self.audits):
            lines.append(
                _withdrawn(self.withdrawn, self.kept)
                if self.is_done
                else "Nothing was changed: --do withdraws what it contradicts."
            )
            return "\n".join(lines)
        lines += self.notes
        promised = (
            f"at most {percent(self.promise.max_error)} wrong, with a confidence of "
            f"{percent(self.promise.confidence)}"
        )
        if self.threshold is None:
            return "\n".join([*lines, self._nothing(promised)])
        lines.append(
            f"{self.threshold.accepted:,} of {self.pool:,} tasks without annotation can be "
            f"accepted: score {self.threshold.score:.3f} or more ({promised}; of "
            f"{self.threshold.judged:,} annotated tasks there {self.threshold.wrong:,} were "
            "predicted wrong)."
        )
        lines.append(
            f"{self.created:,} annotations were created, and {self.audited:,} random tasks stay "
            f'for people, in the tab "{AUDIT_TAB}".'
            if self.is_done
            else f"Nothing was changed: --do accepts them, and leaves {self.audited:,} for people."
        )
        return "\n".join(lines)

    def _nothing(self, promised: str) -> str:
        if not self.pool:
            return "No task is left to accept."
        if self.missing is None:
            return (
                f"No score promises {promised}, and more annotations alone would not change that: "
                "the model must get better. Label on, or allow more errors."
            )
        return (
            f"No score promises {promised} yet: label about {self.missing:,} more tasks and train."
        )


def _withdrawn(deleted: int, kept: int) -> str:
    return (
        f"Withdrawn: {deleted:,} annotations are deleted, and {kept:,} that people changed since "
        "stay."
    )


class Acceptor:
    """Accepts predictions of the version that serves a project."""

    def __init__(
        self,
        access: Access,
        model: ModelReference,
        promise: Promise,
        *,
        withhold: float,
        quiet: bool,
    ) -> None:
        config = model.labeling_config(access.project["label_config"])
        if not config.controls:
            raise LabelingConfigError(config.problems)
        self._access = access
        self._model = model
        self._promise = promise
        self._withhold = withhold
        self._quiet = quiet
        self._controls: Sequence[Control] = config.controls
        self._acceptances = Acceptances(access.engine)
        self._examples = ExampleStore(access.engine)
        self._log = DeploymentLog(access.engine)

    def __call__(self, *, do: bool) -> Accepted:
        """Audit what was accepted, then accept; without `do` nothing is changed.

        Raises ClientError, ModelStoreError and PreannotateError.
        """
        audits = self._audits()
        contradicted = [each.acceptance for each in audits if each.is_contradicted]
        if contradicted:
            counts = [self._withdraw(each) for each in contradicted] if do else []
            return Accepted(
                self._promise,
                audits=audits,
                withdrawn=sum(deleted for deleted, _ in counts),
                kept=sum(kept for _, kept in counts),
                is_done=do,
            )
        notes = []
        last = self._acceptances.last(self._access.key)
        if do and last and last.state is State.STARTED:
            created = self._finish(last)
            notes.append(f"Acceptance {last.id} was interrupted: {created:,} annotations more.")
        return self._accept(audits, notes, do=do)

    def withdraw(self) -> str:
        """Withdraw everything that was accepted and not changed since; return what was done."""
        found = self._acceptances.all(self._access.key)
        if not found:
            return "Nothing was accepted in this project."
        counts = [self._withdraw(each) for each in found]
        return _withdrawn(*map(sum, zip(*counts, strict=True)))

    def _audits(self) -> list[Audit]:
        answers = self._examples.answers(self._access.key, self._controls)
        return Audit.all_of(self._acceptances, self._access.key, answers)

    def _accept(self, audits: Sequence[Audit], notes: Sequence[str], *, do: bool) -> Accepted:
        known = self._calibration()
        if do:
            ProjectRun(
                self._access.client,
                self._access.project,
                self._model,
                dry_run=False,
                rejects=None,
                quiet=self._quiet,
                withhold=self._withhold,
            )(self._access.folder / "compiled")
        pool = dict(self._pool())
        scores = np.array([score for score, _ in pool.values()], dtype=np.float64)
        threshold = choose(known.scores, known.correct, scores, self._promise)
        found = Accepted(
            self._promise,
            pool=len(pool),
            threshold=threshold,
            missing=None
            if threshold or not pool
            else missing(known.scores, known.correct, scores, self._promise),
            audits=audits,
            notes=notes,
            audited=audit_size(threshold.accepted) if threshold else 0,
            is_done=do,
        )
        if threshold is None or not do:
            return found
        accepted = [
            (task, answers) for task, (score, answers) in pool.items() if score >= threshold.score
        ]
        # Not predictable by the annotators: the sample must be random.
        kept = set(random.SystemRandom().sample(range(len(accepted)), found.audited))
        tasks = [
            AcceptedTask(task, answers, is_audited=place in kept)
            for place, (task, answers) in enumerate(accepted)
        ]
        acceptance = self._acceptances.start(
            self._access.key, self._model.version, self._promise, threshold.score, tasks
        )
        created = self._finish(acceptance)
        return replace(found, created=created)

    def _calibration(self) -> Calibration:
        """Return what the last training knows; raise PreannotateError if it was another version."""
        jobs = JobQueue(self._access.engine).jobs(self._access.key)
        judged = next((job.version for job in jobs if job.version), None)
        if judged != self._model.version:
            raise PreannotateError(
                f"The last training made {judged or 'no version'}, and {self._model.version} "
                "serves the project: only a version that was judged by your annotations can "
                "promise anything. Train the project, or promote that version."
            )
        return Calibration.of(Judgements(self._access.engine).of(self._access.key))

    def _pool(self) -> Iterator[tuple[int, tuple[float, Answers]]]:
        """Yield the tasks that could be accepted, with score and answers."""
        left = {
            each.task
            for acceptance in self._acceptances.all(self._access.key)
            for each in self._acceptances.tasks(acceptance.id)
        }
        model = self._model.load(self._access.folder / "compiled")
        unlabelled = condition("total_annotations", "equal", "Number", 0)
        tasks = (
            task
            for task in self._access.tasks(unlabelled, fields=("data", "total_annotations"))
            if not task["total_annotations"]
            and task["id"] not in left
            and not is_withheld(self._access.key, task["id"], self._withhold)
        )
        while page := list(islice(tasks, PAGE_TASKS)):
            yield from self._predicted(page, model)

    def _predicted(
        self, page: Sequence[Mapping[str, Any]], model: LoadedModel
    ) -> Iterator[tuple[int, tuple[float, Answers]]]:
        for outcome in annotate(map(record_of, page), self._controls, model):
            if isinstance(outcome, Annotated) and len(outcome.classified) == len(self._controls):
                answers = {
                    control.name: control.taken(item) for control, item in outcome.classified
                }
                score = min(score_of(item) for _, item in outcome.classified)
                yield outcome.task["id"], (score, answers)

    def _finish(self, acceptance: Acceptance) -> int:
        """Create the annotations of an acceptance that are missing; return their number."""
        tasks = self._acceptances.tasks(acceptance.id)
        left = [each for each in tasks if each.is_audited]
        Marks(self._access, (AUDIT,), is_quiet=self._quiet).put(
            {each.task: {AUDIT: 1} for each in left}
        )
        show_tab(self._access, AUDIT_TAB, filters=[has_mark(AUDIT)], ordering="tasks:id")
        open_tasks = iter([each for each in tasks if not each.is_audited and not each.annotation])
        created = 0
        while page := list(islice(open_tasks, _AT_ONCE)):
            created += self._create(acceptance, [each.task for each in page])
        expected = len(tasks) - len(left)
        done = sum(each.annotation is not None for each in self._acceptances.tasks(acceptance.id))
        if not done and expected:
            raise PreannotateError(
                f"Label Studio created none of {expected:,} annotations: their predictions of "
                f"{acceptance.version} are gone, or somebody annotated them. Run the command again."
            )
        self._acceptances.end(acceptance.id, State.DONE)
        self._log.note(
            acceptance.project,
            by=_BY,
            reason=f"acceptance {acceptance.id}: {created} predictions accepted, at most "
            f"{percent(acceptance.max_error)} wrong promised, {len(left)} left for the audit",
        )
        return created

    def _create(self, acceptance: Acceptance, tasks: Sequence[int]) -> int:
        """Create annotations for tasks that have none; record them, and return their number."""
        number, first, last = self._access.number, tasks[0], tasks[-1]
        before = patiently(self._access.client.annotations_of, number, first, last)
        annotated = {task["id"] for task in before}
        free = [task for task in tasks if task not in annotated]
        if free:
            # Does nothing for what an earlier attempt created.
            patiently(self._access.api.create_annotations, number, free, acceptance.version)
        after = patiently(self._access.client.annotations_of, number, first, last)
        found = {
            task["id"]: annotation["id"]
            for task in after
            if task["id"] in set(tasks)
            for annotation in task["annotations"]
            if annotation["lead_time"] is None and annotation["parent_prediction"] is not None
        }
        self._acceptances.note_annotations(acceptance.id, found)
        return len(found)

    def _withdraw(self, acceptance: Acceptance) -> tuple[int, int]:
        """Delete the annotations that nobody changed; return their number, and that of others."""
        tasks = [
            each for each in self._acceptances.tasks(acceptance.id) if each.annotation is not None
        ]
        deleted = kept = 0
        for start in range(0, len(tasks), _AT_ONCE):
            page = {each.task: each for each in tasks[start : start + _AT_ONCE]}
            found = patiently(
                self._access.client.annotations_of, self._access.number, min(page), max(page)
            )
            for task in found:
                each = page.get(task["id"])
                for item in task["annotations"]:
                    if each is None or item["id"] != each.annotation:
                        continue
                    answers = annotation_of(item, task["id"]).answers
                    same = all(
                        answers.get(name, ()) == given for name, given in each.answers.items()
                    )
                    if same and item["lead_time"] is None:
                        patiently(self._access.api.delete_annotation, item["id"])
                        deleted += 1
                    else:
                        kept += 1
        Marks(self._access, (AUDIT,), is_quiet=self._quiet).put({})
        drop_tab(self._access, AUDIT_TAB)
        self._acceptances.end(acceptance.id, State.WITHDRAWN)
        self._log.note(
            acceptance.project,
            by=_BY,
            reason=f"acceptance {acceptance.id} withdrawn: {deleted} annotations deleted, {kept} "
            "that people changed stay",
        )
        return deleted, kept
