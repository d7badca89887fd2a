"""What the pages show, read from the database, the model store and the deployments.

All functions wait for the database: call them in a thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.label_studio.controls import Control
from adapters.label_studio.served_config import serve
from adapters.learning.budget import Budget, Budgets
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import Job, JobQueue
from adapters.learning.judgement_table import StoredJudgement
from adapters.learning.tally import Tally, tally
from model_store.learning.split import missing
from model_store.serving import versions
from model_store.serving.deployments import DeploymentLog, Entry
from model_store.serving.registry import Registry
from model_store.serving.versions import VersionRow

_SHOWN_JOBS = 10
_SHOWN_ENTRIES = 20
_SHOWN_SUSPECTS = 20


@dataclass(frozen=True)
class Stores:
    """Where the pages read, and what their buttons change."""

    examples: ExampleStore
    jobs: JobQueue
    deployments: DeploymentLog
    registry: Registry
    budgets: Budgets


@dataclass(frozen=True)
class ProjectLine:
    """A project in the list of all."""

    key: str
    annotations: int
    version: str
    job: Job | None
    """The newest one."""


@dataclass(frozen=True)
class ControlLine:
    """What a project has learned from and still needs, for one control."""

    name: str
    found: Tally
    options: Sequence[tuple[str, int]]
    """How many examples have each option."""
    missing: str | None
    """What is missing before a training."""


@dataclass(frozen=True)
class ProjectPage:
    """The page of a project."""

    key: str
    serving: Sequence[str]
    """All versions that predict."""
    controls: Sequence[ControlLine]
    problems: Sequence[str]
    annotators: Sequence[tuple[str, int]]
    """Annotations by annotator, by Label Studio's number."""
    versions: Sequence[VersionRow]
    jobs: Sequence[Job]
    entries: Sequence[Entry]
    """The deployment log, newest first."""
    budget: Budget
    suspects: Sequence[StoredJudgement]
    """What people should look at, the least likely first."""

    @property
    def is_training(self) -> bool:
        """Whether a job is queued or running."""
        return any(job.is_open for job in self.jobs)

    @property
    def can_roll_back(self) -> bool:
        """Whether a trained version serves the project."""
        return bool(self.entries) and self.entries[0].version is not None


def project_lines(stores: Stores) -> list[ProjectLine]:
    """Return all projects that have annotations, jobs or deployments, by their numbers."""
    counts = stores.examples.annotation_counts()
    newest: dict[str, Job] = {}
    for job in stores.jobs.jobs():
        newest.setdefault(job.project, job)
    deployed = {entry.project for entry in stores.deployments.since(0)}
    return [
        ProjectLine(key, counts.get(key, 0), stores.registry.deployment(key).name, newest.get(key))
        for key in sorted({*counts, *newest, *deployed}, key=_by_number)
    ]


def project_page(stores: Stores, key: str) -> ProjectPage:
    """Return the page of a project; an unknown one has an empty page."""
    deployment = stores.registry.deployment(key)
    xml = stores.examples.label_config(key)
    config = serve(xml, deployment).config if xml else None
    controls = config.trainable if config else ()
    tallies = tally(stores.examples.annotated(key), controls)
    entries = [entry for entry in stores.deployments.since(0) if entry.project == key]
    serving = {entry.version for entry in entries[-1:]}
    return ProjectPage(
        key,
        deployment.names,
        [_control(*pair) for pair in zip(controls, tallies, strict=True)],
        config.problems if config else (),
        _annotators(stores.examples.annotator_counts(key)),
        [
            row
            for row in reversed(versions.table(stores.deployments))
            if row.project == key or row.version in serving
        ],
        jobs_of(stores, key),
        entries[: -_SHOWN_ENTRIES - 1 : -1],
        stores.budgets.of(key),
        stores.budgets.judgements.open_of(key)[:_SHOWN_SUSPECTS],
    )


def jobs_of(stores: Stores, key: str) -> list[Job]:
    """Return the last jobs of a project, newest first."""
    return stores.jobs.jobs(key, limit=_SHOWN_JOBS)


def _control(control: Control, found: Tally) -> ControlLine:
    options = {option: found.options[option] for option in control.options} | found.options
    lacking = missing(found.options, control.options, control.kind, found.examples)
    return ControlLine(control.name, found, list(options.items()), lacking)


def _annotators(counts: Mapping[int | None, int]) -> list[tuple[str, int]]:
    named = [("unknown" if each is None else str(each), count) for each, count in counts.items()]
    return sorted(named, key=lambda pair: -pair[1])


def _by_number(key: str) -> tuple[int, str]:
    number = key.partition(".")[0]
    return (int(number) if number.isdecimal() else 0), key
