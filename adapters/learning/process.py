"""One training job, as a process: `python -m adapters.learning.process JOB`.

Takes the annotations of the job's project, has the model store make a version of them, and says in
the job what came of it.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine

from adapters.label_studio.capabilities import labels_of
from adapters.label_studio.client import ClientError, LabelStudioClient
from adapters.label_studio.events import EventError, project_key
from adapters.label_studio.labeling_config import ChoicesControl, parse
from adapters.label_studio.task_text import NoTextError, task_text
from adapters.learning.examples import Example, ExampleStore
from adapters.learning.jobs import Job, JobQueue, State
from adapters.observability.logs import use_json
from adapters.settings import LabelStudioSettings, Settings, read_settings
from model_store.errors import ModelStoreError, NotTrainableError
from model_store.learning.training import Parent, TrainingSet, load_parent, train
from model_store.model.classifier import Classifier
from model_store.serving.database import connect
from model_store.serving.deployments import DeploymentLog, activate, latest
from model_store.serving.versions import prune

# Not by __name__: this module is run as `__main__`.
logger = logging.getLogger("adapters.learning.process")

R = TypeVar("R")

_SIGN_OF_LIFE_SECONDS = 2.0
_NICE = 19


def main() -> None:
    """Do the job that the command line names; the job itself says how it ended."""
    parser = argparse.ArgumentParser(prog="python -m adapters.learning.process")
    parser.add_argument("job", help="the id of a job that this process is to do")
    parser.add_argument("--default", required=True, help="the model the server was started with")
    parser.add_argument("--default-path", required=True, type=Path, help="where that is")
    options = parser.parse_args()
    os.nice(_NICE)
    settings = read_settings()
    logging.basicConfig(format="%(asctime)s [training] %(message)s", level=logging.WARNING)
    if settings.log_format == "json":
        use_json()
    for package in ("adapters", "model_store"):
        logging.getLogger(package).setLevel(logging.INFO)
    engine = connect(settings.database)
    jobs = JobQueue(engine)
    job = jobs.job(options.job)
    if job is None or job.state is not State.RUNNING:
        sys.exit(f"There is no running job {options.job}.")
    default = options.default, options.default_path
    with _signs_of_life(jobs, job):
        _do(TrainingJob(job, jobs, engine, settings, default), settings.training_timeout)


def _do(training: "TrainingJob", seconds: float) -> None:
    project, job = training.job.project, training.job.id
    try:
        with _time_limit(seconds):
            ending = training.run()
    except _GivenUpError:
        logger.warning("Project %s: training job %s is over: it was taken for dead", project, job)
        return
    except (ModelStoreError, _FailedError) as error:
        ending = Ending(State.FAILED, [str(error)])
    except Exception:  # The boundary of the process: whatever it was, the job ends with a word.
        logger.exception("Project %s: training job %s failed", project, job)
        reason = "The job failed by a fault of the server's: its log says which."
        ending = Ending(State.FAILED, [reason])
    # The time limit is off by now: it cannot come between the end and what belongs to it.
    if not training.end(ending):
        logger.warning("Project %s: training job %s was over: no change", project, job)
        return
    for reason in ending.reasons:
        logger.info("Project %s: training %s: %s", project, ending.state, reason)
    if ending.version:
        training.prune()


class _FailedError(Exception):
    """Why a job could not be done; never leaves this module."""


class _GivenUpError(Exception):
    """The job has ended without us; never leaves this module."""


@dataclass(frozen=True)
class Ending:
    """How a job ends, why, and what else is to be noted of it."""

    state: State
    reasons: Sequence[str]
    version: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)


class TrainingJob:
    """The work of one job, step by step."""

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
        self._deployments = DeploymentLog(engine)
        self._remarks: list[str] = []

    def run(self) -> Ending:
        """Make a version, which nothing serves yet."""
        project = self.job.project
        self._remarks = self._fetch(project)
        for remark in self._remarks:
            logger.warning("Project %s: %s", project, remark)
        self._report("taking the annotations", 0.1)
        examples = self._examples.snapshot(project)
        xml = self._examples.label_config(project)
        if xml is None:
            raise _FailedError("Nothing was ever heard of this project: annotate some tasks first.")
        parent = self._parent()
        lessons = list(_lessons(xml, examples, parent.classifier))
        if not lessons:
            raise _FailedError("The labeling config has no Choices control on a text.")
        outcome = train(project, parent, lessons, self._report)
        changes: dict[str, Any] = {"metrics": outcome.metrics}
        if outcome.version is None:
            return Ending(State.TOO_FEW, outcome.reasons, changes=changes)
        changes |= {"progress": 1.0, "stage": "done"}
        state = State.PROMOTED if outcome.passed else State.REFUSED
        return Ending(state, outcome.reasons, outcome.version, changes)

    def end(self, ending: Ending) -> bool:
        """End the job, and let its version serve if it is promoted: both at once or neither.

        False if the job has ended already: then nothing is changed, and the version is a candidate.
        """

        def promote(connection: Connection) -> None:
            if ending.state is State.PROMOTED:
                reason = f"job {self.job.id}"
                activate(connection, self.job.project, ending.version, by="training", reason=reason)

        return self._jobs.end(
            self.job.id,
            ending.state,
            [*self._remarks, *ending.reasons],
            together_with=promote,
            version=ending.version,
            **ending.changes,
        )

    def prune(self) -> None:
        """Delete the versions of the project that need not be kept."""
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
        if not self._jobs.report(self.job.id, stage=stage, progress=progress):
            raise _GivenUpError

    def _fetch(self, project: str) -> list[str]:
        """Take what Label Studio itself has, if it may be asked; what is amiss with it."""
        access = LabelStudioSettings()
        if access.url is None or access.api_key is None:
            return []
        self._report("asking Label Studio for its annotations", 0.0)
        number = int(project.partition(".")[0])
        try:
            with LabelStudioClient(access.url, access.api_key.get_secret_value()) as client:
                found = client.project(number)
                if project_key(found) != project:
                    return ["No annotations were fetched: LABEL_STUDIO_URL has another project."]
                pages = self._watched(client.tasks_with_annotations(number))
                odd = self._examples.replace(project, found["label_config"], pages)
        except (ClientError, EventError) as error:
            # What the events have told is there all the same.
            return [f"Not all annotations were fetched from Label Studio: {error}"]
        return (
            [f"Tasks that were left out, for they are not as they should be: {odd}."] if odd else []
        )

    def _watched(self, pages: Iterable[R]) -> Iterator[R]:
        """Pages that are read no further than the job is open."""
        for page in pages:
            self._report("asking Label Studio for its annotations", 0.0)
            yield page


def _lessons(
    xml: str, examples: Sequence[Example], classifier: Classifier
) -> Iterator[TrainingSet]:
    config = parse(xml, labels_of(classifier))
    for control in (*config.controls, *config.unknown):
        labels = control.labels or {option: option for option in control.options}
        found = [
            (example.task, text, labels[choice])
            for example in examples
            if (choice := example.choices.get(control.name, "")) in labels
            and (text := _text_of(example, control)) is not None
        ]
        yield TrainingSet(
            control=control.name,
            labels=tuple(control.choices or control.options),
            tasks=[task for task, _, _ in found],
            texts=[text for _, text, _ in found],
            answers=[label for _, _, label in found],
        )


def _text_of(example: Example, control: ChoicesControl) -> str | None:
    try:
        return task_text(example.data, control)
    except NoTextError:
        return None


@contextmanager
def _signs_of_life(jobs: JobQueue, job: Job) -> Iterator[None]:
    ended = threading.Event()

    def report() -> None:
        works = True
        while not ended.wait(_SIGN_OF_LIFE_SECONDS):
            try:
                jobs.report(job.id)
            except Exception:  # Whatever it was, the next sign of life may be seen.
                if works:
                    logger.exception("Project %s: no sign of life of %s", job.project, job.id)
                works = False
            else:
                works = True

    jobs.report(job.id)
    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> NoReturn:
        raise _FailedError(
            f"The training took longer than {seconds:g} seconds: raise SENTIMENT_TRAINING_TIMEOUT."
        )

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
