"""Run one training job as a process: `python -m adapters.learning.process JOB`.

Reads the annotations of the job's project, trains a version, and records the result in the job.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine

from adapters.label_studio.client import LabelStudioClient
from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.controls import Control
from adapters.label_studio.events import EventError, project_key
from adapters.label_studio.labeling_config import Labels, parse
from adapters.label_studio.task_text import subjects
from adapters.learning.acceptance_table import Acceptances
from adapters.learning.audits import Audit
from adapters.learning.budget import Budget, curves_in
from adapters.learning.examples import Example, ExampleStore
from adapters.learning.jobs import NO_ANNOTATIONS, NO_EVENTS, Job, JobQueue, State
from adapters.learning.judgement_table import Judgements, StoredJudgement, replace_judgements
from adapters.learning.reviewing import Reviewed, labels_by_option
from adapters.learning.tally import Tally, tally
from adapters.observability import logs
from adapters.settings import LabelStudioSettings, Settings, read_settings
from model_store.budget.acceptance import Promise
from model_store.budget.consensus import agreement
from model_store.errors import ModelStoreError, NotTrainableError
from model_store.learning.decisions import Worth
from model_store.learning.split import MAX_EXAMPLES
from model_store.learning.training import Parent, load_parent, train
from model_store.learning.training_set import TrainingSet
from model_store.serving.database import connect
from model_store.serving.deployments import DeploymentLog, activate, latest
from model_store.serving.failure_log import FailureLog
from model_store.serving.versions import prune
from model_store.wording import shown

# Not __name__, which is `__main__` here.
logger = logging.getLogger("adapters.learning.process")

R = TypeVar("R")

_HEARTBEAT_SECONDS = 2.0
_NICE = 19
_PROBLEMS = 3


def main() -> None:
    """Run the job that the command line names, and record in the job how it ends."""
    parser = argparse.ArgumentParser(prog="python -m adapters.learning.process")
    parser.add_argument("job", help="id of the running job to do")
    parser.add_argument("--default", required=True, help="tag of the server's default model")
    parser.add_argument("--default-path", required=True, type=Path, help="folder of that model")
    options = parser.parse_args()
    os.nice(_NICE)
    settings = read_settings()
    logging.basicConfig(format="%(asctime)s [training] %(message)s", level=logging.WARNING)
    logs.use(settings.log_format)
    for package in ("adapters", "model_store"):
        logging.getLogger(package).setLevel(logging.INFO)
    engine = connect(settings.database)
    jobs = JobQueue(engine)
    job = jobs.job(options.job)
    if job is None or job.state is not State.RUNNING:
        sys.exit(f"Job {options.job} does not exist or is not running.")
    default = options.default, options.default_path
    with _heartbeat(jobs, job):
        _do(TrainingJob(job, jobs, engine, settings, default), settings.training_timeout)


def _do(training: "TrainingJob", seconds: float) -> None:
    project, job = training.job.project, training.job.id
    try:
        with _time_limit(seconds):
            ending = training.run()
    except _AbortedError:
        logger.warning(
            "Project %s: aborting training job %s: already marked as killed (missed heartbeats)",
            project,
            job,
        )
        return
    except (ModelStoreError, _FailedError) as error:
        ending = Ending(State.FAILED, [str(error)])
    except Exception:  # The boundary of the process: the job must end with a reason.
        logger.exception("Project %s: training job %s failed", project, job)
        ending = Ending(State.FAILED, ["Internal error; see the server log."])
    # The time limit is off now, so it cannot interrupt the transaction that ends the job.
    if not training.end(ending):
        logger.warning("Project %s: training job %s had already ended: no change", project, job)
        return
    for reason in ending.reasons:
        logger.info("Project %s: training %s: %s", project, ending.state, reason)
    if ending.version:
        training.prune()


class _FailedError(Exception):
    """A job cannot be done, for the reason in the message. Never leaves this module."""


class _AbortedError(Exception):
    """Another process has ended the job; never leaves this module."""


@dataclass(frozen=True)
class Ending:
    """How a job ends and why, with other changes to record."""

    state: State
    reasons: Sequence[str]
    version: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    judgements: Mapping[str, Sequence[StoredJudgement]] = field(default_factory=dict)
    """What the training says about each annotation, by control."""


class TrainingJob:
    """The steps of one job."""

    def __init__(
        self,
        job: Job,
        jobs: JobQueue,
        engine: Engine,
        settings: Settings,
        default: tuple[str, Path],
    ) -> None:
        self.job = job
        self._jobs = jobs
        self._settings = settings
        self._default = default
        self._examples = ExampleStore(engine)
        self._judgements = Judgements(engine)
        self._acceptances = Acceptances(engine)
        self._deployments = DeploymentLog(engine)
        self._warnings: list[str] = []

    def run(self) -> Ending:
        """Train a version, and return how the job ends. The version is not active yet."""
        project = self.job.project
        self._warnings = self._fetch(project)
        for warning in self._warnings:
            logger.warning("Project %s: %s", project, warning)
        self._report("reading annotations", 0.1)
        xml = self._examples.label_config(project)
        if xml is None:
            return Ending(State.TOO_FEW, [NO_ANNOTATIONS])
        parent = self._parent()
        config = parse(xml, Labels.of_model(parent.classifier))
        if not config.trainable:
            raise _FailedError(" ".join(config.problems[:_PROBLEMS]))
        examples, total = self._examples.sample(project, config.trainable, MAX_EXAMPLES)
        if len(examples) < total:
            self._warnings.append(
                f"{total} annotated tasks are stored; a sample of {len(examples)} was used."
            )
        answers = {example.task: example.choices for example in examples}
        reviewed = Reviewed.since(self._judgements.of(project), answers)
        found = [training_set(control, examples, reviewed) for control in config.trainable]
        tallies = tally(self._examples.annotated(project), config.trainable)
        outcome = train(project, parent, found, self._report)
        metrics = _with_agreement(_with_numbers(outcome.metrics, tallies), found)
        changes: dict[str, Any] = {"metrics": metrics}
        left_out = [each.sentence for each in tallies if each.sentence]
        if outcome.version is None:
            hints = [] if LabelStudioSettings().is_complete else [NO_EVENTS]
            reasons = [*outcome.reasons, *left_out, *hints]
            return Ending(State.TOO_FEW, reasons, changes=changes)
        for control, report in outcome.metrics.items():
            if report["summary"]:
                logger.info("Project %s, %s: %s", project, shown(control), report["summary"])
        changes |= {"progress": 1.0, "stage": "done"}
        state = State.PROMOTED if outcome.passed else State.REFUSED
        judgements = {
            control.name: reviewed.stored(control, outcome.judgements[control.name])
            for control in config.trainable
            if control.name in outcome.judgements
        }
        budget = Budget.of(
            Promise(self._settings.max_error, self._settings.confidence),
            self._examples.effort(project),
            [each for found in judgements.values() for each in found],
            curves_in(metrics),
        )
        reasons = [
            *outcome.reasons,
            *left_out,
            *self._contradictions(config.trainable),
            *_corrections(metrics),
            *([budget.summary, *budget.sentences] if budget.is_judged else []),
        ]
        return Ending(state, reasons, outcome.version, changes, judgements)

    def _contradictions(self, controls: Sequence[Control]) -> list[str]:
        """Return a sentence for each acceptance whose audit contradicts its promise."""
        project = self.job.project
        if not self._acceptances.last(project):
            return []  # Do not read all answers for nothing.
        audits = Audit.all_of(self._acceptances, project, self._examples.answers(project, controls))
        return [str(audit) for audit in audits if audit.is_contradicted]

    def end(self, ending: Ending) -> bool:
        """End the job and activate its version if it is promoted, in one transaction.

        Returns False if the job has already ended. Then nothing changes, and the version stays a
        candidate.
        """

        def promote(connection: Connection) -> None:
            replace_judgements(connection, self.job.project, ending.judgements)
            if ending.state is State.PROMOTED:
                reason = f"job {self.job.id}"
                activate(connection, self.job.project, ending.version, by="training", reason=reason)

        return self._jobs.end(
            self.job.id,
            ending.state,
            [*self._warnings, *ending.reasons],
            together_with=promote,
            version=ending.version,
            **ending.changes,
        )

    def prune(self) -> None:
        """Delete old versions of the project."""
        prune(
            self._deployments,
            self.job.project,
            keep=self._settings.keep_versions,
            used={self._default[0], *self._settings.models},
        )

    def _parent(self) -> Parent:
        active = latest(self._deployments.since(0)).get(self.job.project)
        if active and active.version:
            return load_parent(active.version, compiled=self._settings.compiled)
        name, path = self._default
        if self._settings.classifier:
            raise NotTrainableError(name)
        return load_parent(name, path, compiled=self._settings.compiled)

    def _report(self, stage: str, progress: float) -> None:
        if not self._jobs.heartbeat(self.job.id, stage=stage, progress=progress):
            raise _AbortedError

    def _fetch(self, project: str) -> list[str]:
        """Fetch annotations from Label Studio, if it is configured; return warnings."""
        access = LabelStudioSettings()
        if access.url is None or access.api_key is None:
            return []
        self._report("fetching annotations from Label Studio", 0.0)
        number = int(project.partition(".")[0])
        try:
            with LabelStudioClient(access.url, access.api_key.get_secret_value()) as client:
                found = client.project(number)
                if project_key(found) != project:
                    return [
                        "No annotations were fetched: LABEL_STUDIO_URL names another Label Studio."
                    ]
                pages = self._watched(client.tasks_with_annotations(number))
                malformed = self._examples.replace(project, found["label_config"], pages)
        except (ClientError, EventError) as error:
            # The annotations of events are stored in any case.
            return [f"Not all annotations were fetched from Label Studio: {error}"]
        return [f"Malformed tasks that were skipped: {malformed}."] if malformed else []

    def _watched(self, pages: Iterable[R]) -> Iterator[R]:
        """Yield pages; stop reading when the job has ended."""
        for page in pages:
            self._report("fetching annotations from Label Studio", 0.0)
            yield page


def _with_numbers(metrics: Mapping[str, Any], tallies: Iterable[Tally]) -> dict[str, Any]:
    """Add the numbers of the annotations of each control that has some left out."""
    added = {
        each.control: {**metrics.get(each.control, {}), "annotations": each.report()}
        for each in tallies
        if each.left_out
    }
    return {**metrics, **added}


def _corrections(metrics: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each control with what corrections of suspects were worth."""
    return [
        f'"{shown(control)}": {Worth(**report["corrections"])}.'
        for control, report in metrics.items()
        if "corrections" in report
    ]


def _with_agreement(
    metrics: Mapping[str, Any], training_sets: Iterable[TrainingSet]
) -> dict[str, Any]:
    """Add how far annotators agree, of each control that several have answered."""
    added = {
        each.control: {
            **metrics.get(each.control, {}),
            "agreement": {"tasks": found.texts, "agreed": found.agreed, "kappa": found.kappa},
        }
        for each in training_sets
        if (found := agreement(each.votes)).texts
    }
    return {**metrics, **added}


def training_set(
    control: Control, examples: Sequence[Example], reviewed: Reviewed | None = None
) -> TrainingSet:
    """Return the training set of a control; `reviewed` says which tasks were corrected."""
    label_of = labels_by_option(control)
    is_single = control.kind != "multiple"

    def labels_of(given: Sequence[str]) -> tuple[str, ...] | None:
        """Return the labels of an answer; None if the labeling config does not offer it."""
        return tuple(map(label_of.__getitem__, given)) if set(given) <= set(label_of) else None

    answered = []
    for item in examples:
        given = item.choices.get(control.name)
        labels = None if given is None else labels_of(given)
        votes = {
            annotator: taken[0]
            for annotator, answer in item.votes.get(control.name, {}).items()
            if is_single and (taken := labels_of(answer))
        }
        if labels is not None or (given is None and len(votes) > 1):
            answered.append((item, labels or (), votes))
    found, _ = subjects((item.data for item, _, _ in answered), [control])
    of_text = [answered[subject.position] for subject in found]
    return TrainingSet(
        control=control.name,
        labels=tuple(label_of.values()),
        tasks=[item.task for item, _, _ in of_text],
        texts=[subject.text for subject in found],
        answers=[labels for _, labels, _ in of_text],
        kind=control.kind,
        votes=[votes for _, _, votes in of_text] if any(votes for _, _, votes in of_text) else (),
        before={
            task: labels
            for task, given in (reviewed or Reviewed()).before.get(control.name, {}).items()
            if (labels := labels_of(given)) is not None
        },
    )


@contextmanager
def _heartbeat(jobs: JobQueue, job: Job) -> Iterator[None]:
    """Record heartbeats of a job from a thread."""
    ended = threading.Event()
    failures = FailureLog(
        logger,
        f"Project {job.project}: no heartbeat of training job {job.id}: %s",
        f"Project {job.project}: heartbeats of training job {job.id} work again",
    )

    def beat() -> None:
        while not ended.wait(_HEARTBEAT_SECONDS):
            with failures:
                jobs.heartbeat(job.id)

    jobs.heartbeat(job.id)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _FailedError in the block after some seconds.

    Code that is interrupted, such as a driver of a database, may turn this into an error of its
    own. The block raises _FailedError all the same.
    """
    limit = _FailedError(
        f"The training took longer than {seconds:g} seconds: raise SENTIMENT_TRAINING_TIMEOUT."
    )
    is_over = False

    def interrupt(*_: object) -> NoReturn:
        nonlocal is_over
        is_over = True
        raise limit

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        if is_over and error is not limit:
            raise limit from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
