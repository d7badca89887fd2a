"""Predict the tasks of a project in Label Studio and store the predictions, page by page.

Label Studio is the only record of progress: after every failure the page is requested again. So a
run that was killed continues where it stopped, and a finished one does nothing.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import project_key
from adapters.label_studio.schemas import Prediction
from adapters.label_studio.withholding import is_withheld, withheld
from adapters.preannotate.errors import LabelingConfigError, PreannotateError
from adapters.preannotate.model import LoadedModel, ModelReference, deployed_version, find
from adapters.preannotate.patience import PAUSES, patiently
from adapters.preannotate.records import Record, Rejection
from adapters.preannotate.results import check_evidence
from adapters.preannotate.step import Annotated, annotate
from adapters.settings import LabelStudioSettings
from model_store.serving import data_dir

PAGE_TASKS = 500


class Client(Protocol):
    """The calls to Label Studio: see `adapters.label_studio.client`."""

    def tasks_without(self, number: int, version: str, *, after: int, count: int) -> Any: ...

    def predictions_of(self, number: int, version: str, *, after: int, count: int) -> Any: ...

    def import_predictions(self, number: int, predictions: Any) -> None: ...

    def delete_prediction(self, prediction: int) -> None: ...


@dataclass
class ProjectSummary:
    """The counts of a run over a project."""

    project: int
    model_version: str
    dry_run: bool
    predicted: int = 0
    """Tasks that this run stored a prediction for, or would store one for in a dry run."""
    with_prediction: int = 0
    """Tasks that have a prediction of this version after the run."""
    not_seen: int = 0
    """Tasks that Label Studio counts in the project, and did not list: see `__str__`."""
    doubles_removed: int = 0
    """Additional predictions of this version for the same task."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Tasks without a prediction, by reason."""
    seconds: float = 0.0

    @property
    def had_prediction(self) -> int:
        """Number of tasks that had a prediction of this version before the run."""
        return self.with_prediction - (0 if self.dry_run else self.predicted)

    @property
    def tasks(self) -> int:
        """Number of tasks that the run saw: each had a prediction, got one, or is rejected."""
        return self.had_prediction + self.predicted + self.rejected

    @property
    def rejected(self) -> int:
        """Number of tasks that cannot get a prediction."""
        return sum(self.reasons.values())

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file that `--summary` names."""
        return {
            **vars(self),
            "tasks": self.tasks,
            "had_prediction": self.had_prediction,
            "rejected": self.rejected,
            "reasons": dict(self.reasons),
        }

    def __str__(self) -> str:
        would = "would get" if self.dry_run else "got"
        first = f"Project {self.project}: {self.predicted:,} tasks {would} a prediction of "
        have = f"{self.with_prediction:,} of {self.tasks:,} have one"
        lines = [f"{first}{self.model_version}, {have} ({self.seconds:.1f} s)."]
        if self.doubles_removed:
            lines.append(f"{self.doubles_removed:,} duplicate predictions were removed.")
        lines += [f"{count:,} tasks without: {why}" for why, count in self.reasons.most_common()]
        if self.not_seen:
            lines.append(
                f"{self.not_seen:,} more tasks are in the project: they came or went during the "
                "run, or your user cannot see them."
            )
        return "\n".join(lines)


def credentials() -> tuple[str, str]:
    """Return the address and the key of Label Studio; raise PreannotateError without them."""
    access = LabelStudioSettings()
    if access.url is None or access.api_key is None:
        raise PreannotateError(
            "Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY: they name the Label Studio of the "
            "project."
        )
    return access.url, access.api_key.get_secret_value()


def chosen_model(project: Mapping[str, Any], tag: str | None, folder: Path) -> ModelReference:
    """Find the model to predict a project with; raises ModelError and EventError.

    This is the version `tag`, or the one that the server with the data directory `folder` serves
    the project with, or the model that ships.
    """
    data_dir.use_store(folder)
    return find(tag or deployed_version(project_key(project), folder))


class ProjectRun:
    """One run over one project; the file `rejects` lists tasks without prediction, as JSONL.

    withhold: the share of the tasks whose predictions are stored without an answer. Raises
    LabelingConfigError if the model supports no control of the project, or none shows the evidence
    that is asked for.
    """

    def __init__(
        self,
        client: Client,
        project: Mapping[str, Any],
        model: ModelReference,
        *,
        dry_run: bool,
        rejects: Path | None,
        quiet: bool,
        with_evidence: bool = False,
        withhold: float = 0.0,
    ) -> None:
        self._client = client
        self._number: int = project["id"]
        self._total: int | None = project.get("task_number")
        config = model.labeling_config(project["label_config"])
        if not config.controls:
            raise LabelingConfigError(config.problems)
        if with_evidence:
            check_evidence(config.controls)
        self._controls = config.controls
        self._with_evidence = with_evidence
        self._withhold = withhold
        self._key = project_key(project) if withhold else ""
        self._model = model
        self._rejects = rejects
        self._quiet = quiet
        self.summary = ProjectSummary(self._number, model.version, dry_run)

    def __call__(self, compiled: Path) -> ProjectSummary:
        """Predict all tasks and return the summary; `compiled` is as in `ModelReference.load`.

        Raises ClientError, and OSError where the rejects cannot be written.
        """
        start = time.monotonic()
        if self._rejects:
            self._rejects.write_bytes(b"")  # an earlier run listed the same tasks
        loaded = self._model.load(compiled)
        with tqdm(
            total=self._total,
            desc=f"project {self._number}",
            unit=" tasks",
            disable=True if self._quiet else None,
            leave=False,
        ) as bar:
            self._predict(loaded, bar)
        self._count()
        if self._total is not None:
            self.summary.not_seen = max(self._total - self.summary.tasks, 0)
        self.summary.seconds = time.monotonic() - start
        return self.summary

    def _predict(self, loaded: LoadedModel, bar: "tqdm[None]") -> None:
        after, failures = -1, 0
        sent: set[int] = set()
        while page := patiently(self._page, after):
            # Of a call that failed, Label Studio stored what it does not list any more.
            self.summary.predicted += len(sent - {task["id"] for task in page})
            sent = set()
            outcomes = annotate(
                map(record_of, page), self._controls, loaded, with_evidence=self._with_evidence
            )
            predictions = [
                {"task": outcome.task["id"], **self._shown(outcome)}
                for outcome in outcomes
                if isinstance(outcome, Annotated)
            ]
            if predictions and not self.summary.dry_run:
                try:
                    self._client.import_predictions(self._number, predictions)
                except ClientError as error:
                    # Some may have been stored: the page is requested again, without those tasks.
                    failures += 1
                    sent = {prediction["task"] for prediction in predictions}
                    if not error.is_passing or failures > len(PAUSES):
                        raise
                    time.sleep(PAUSES[failures - 1])
                    continue
            failures = 0
            after = page[-1]["id"]
            self.summary.predicted += len(predictions)
            self._reject([item for item in outcomes if isinstance(item, Rejection)])
            bar.update(len(page))
        self.summary.predicted += len(sent)

    def _shown(self, outcome: Annotated) -> Prediction:
        """Return the prediction of a task as it is stored."""
        prediction: Prediction = outcome.task["predictions"][-1]
        if is_withheld(self._key, outcome.task["id"], self._withhold):
            return withheld(prediction)
        return prediction

    def _page(self, after: int) -> Any:
        return self._client.tasks_without(
            self._number, self._model.version, after=after, count=PAGE_TASKS
        )

    def _count(self) -> None:
        """Count predictions and remove duplicates: a call that timed out can still succeed."""
        after = -1
        while page := patiently(self._predictions, after):
            for task, predictions in page:
                after = task
                self.summary.with_prediction += bool(predictions)
                for double in predictions[1:] if not self.summary.dry_run else ():
                    patiently(self._client.delete_prediction, double)
                    self.summary.doubles_removed += 1

    def _predictions(self, after: int) -> Any:
        return self._client.predictions_of(
            self._number, self._model.version, after=after, count=PAGE_TASKS
        )

    def _reject(self, rejections: list[Rejection]) -> None:
        self.summary.reasons.update(rejection.reason for rejection in rejections)
        if self._rejects and rejections:
            with self._rejects.open("a", encoding="utf-8") as file:
                for rejection in rejections:
                    line = {"task": rejection.number, "reason": rejection.reason}
                    file.write(json.dumps(line) + "\n")


def record_of(task: Mapping[str, Any]) -> Record:
    """Return a task of a project as a row to annotate."""
    return Record("project", "row", task["id"], str(task["id"]), dict(task))
