"""What a run has done so far, kept so that a killed one goes on where it was.

The folder holds the finished tasks and rejections, and `state.json`, which says how much of them
is sure. What is beyond that was written by a run that was killed, and is cut off.
"""

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson
from filelock import FileLock, Timeout

from adapters.preannotate.errors import WorkFolderError
from adapters.preannotate.results import Confusion, Result, rejection_lines

TASKS, REJECTS = "tasks.jsonl", "rejects.jsonl"
_STATE = "state.json"
_LOCK = ".lock"
_REASONS = 50
OTHER_REASONS = "other reasons"


@dataclass
class Progress:
    """How far a run is."""

    chunks: int = 0
    rows: int = 0
    tasks: int = 0
    tasks_bytes: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    consumed: int = 0
    """Bytes of the inputs."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected rows by reason."""
    confusion: Confusion = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count the rows of one more chunk."""
        self.rows += result.row_count
        self.tasks += result.task_count
        self.rejected += len(result.rejections)
        self.confusion.update(result.confusion)
        for item in result.rejections:
            known = item.reason in self.reasons or len(self.reasons) < _REASONS
            self.reasons[item.reason if known else OTHER_REASONS] += 1

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        pairs = [[*pair, count] for pair, count in self.confusion.items()]
        return {**asdict(self), "reasons": dict(self.reasons), "confusion": pairs}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        confusion = Counter({(true, label): count for true, label, count in value["confusion"]})
        return cls(**{**value, "reasons": Counter(value["reasons"]), "confusion": confusion})


class WorkFolder:
    """The folder of one run. `key` says what decides its tasks: with another, it cannot go on."""

    def __init__(self, folder: Path, key: Mapping[str, Any], *, resume: bool) -> None:
        self.folder = folder
        self._key = key
        if folder.exists() and (folder / _STATE).exists() and not resume:
            raise WorkFolderError(
                folder, "holds an interrupted run: go on with --resume, or remove it to begin anew"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise WorkFolderError(folder, "is in use: another run writes this output") from None
        try:
            self.progress = self._read_progress()
            self._tasks = self._opened(TASKS, self.progress.tasks_bytes)
            self._rejects = self._opened(REJECTS, self.progress.rejects_bytes)
            self.commit()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tasks.close()
        self._rejects.close()
        self._lock.release()

    def append(self, result: Result, consumed: int) -> None:
        """Keep what one more chunk gave; it is sure after the next `commit`."""
        self.progress.tasks_bytes += self._tasks.write(result.tasks)
        self.progress.rejects_bytes += self._rejects.write(rejection_lines(result.rejections))
        self.progress.add(result)
        self.progress.chunks += 1
        self.progress.consumed = consumed

    def commit(self) -> None:
        """Make sure of all that was appended, also against a loss of power."""
        for file in (self._tasks, self._rejects):
            file.flush()
            os.fsync(file.fileno())
        draft = self.folder / f"{_STATE}.draft"
        with draft.open("wb") as file:
            file.write(orjson.dumps({"key": self._key, "progress": self.progress.to_json()}))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / _STATE)

    def remove(self) -> None:
        """Remove the folder. Its state goes last: without it, nothing is there to go on with."""
        (self.folder / _STATE).unlink()
        shutil.rmtree(self.folder)

    def _read_progress(self) -> Progress:
        try:
            state = orjson.loads((self.folder / _STATE).read_bytes())
        except FileNotFoundError:
            return Progress()
        if state["key"] != orjson.loads(orjson.dumps(self._key)):
            raise WorkFolderError(
                self.folder,
                "was begun with other inputs, options or another model: give the same command "
                "again, or remove the folder to begin anew",
            )
        return Progress.from_json(state["progress"])

    def _opened(self, name: str, size: int) -> BinaryIO:
        path = self.folder / name
        if not size:
            path.unlink(missing_ok=True)  # left over, it can be an output under another name
        path.touch()
        file = path.open("r+b")
        file.truncate(size)
        file.seek(size)
        return file
