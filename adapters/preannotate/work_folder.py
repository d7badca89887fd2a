"""Keep the results of a run on disk, so that an interrupted run can be resumed.

The folder holds the finished tasks and rejections, and `state.json`, a checkpoint that says how
many bytes of them are valid. Bytes beyond it come from a run that was killed, and are cut off.
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
from adapters.preannotate.results import (
    Confusion,
    EncodedChunk,
    confusion_from_json,
    confusion_to_json,
    rejection_lines,
)
from model_store.files import atomic_write

FORMAT = 2
"""Version of the folder's content. Raise it when the folder changes, or when the same input gives
other tasks: a folder with another version is refused."""

TASKS, REJECTS = "tasks.jsonl", "rejects.jsonl"
_STATE = "state.json"
_LOCK = ".lock"
_REASONS = 50
OTHER_REASONS = "other reasons"


@dataclass
class Checkpoint:
    """The progress of a run."""

    chunks: int = 0
    rows: int = 0
    tasks: int = 0
    tasks_bytes: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    consumed: int = 0
    """Bytes of the inputs that were read."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected rows by reason."""
    confusion: Confusion = field(default_factory=Counter)

    def add(self, chunk: EncodedChunk) -> None:
        """Count one more chunk, without its sizes in bytes, which the writer adds."""
        self.chunks += 1
        self.rows += chunk.row_count
        self.tasks += chunk.task_count
        self.rejected += len(chunk.rejections)
        self.consumed = chunk.consumed
        self.confusion.update(chunk.confusion)
        for item in chunk.rejections:
            known = item.reason in self.reasons or len(self.reasons) < _REASONS
            self.reasons[item.reason if known else OTHER_REASONS] += 1

    def to_json(self) -> dict[str, Any]:
        """Return the checkpoint as JSON values."""
        confusion = confusion_to_json(self.confusion)
        return {**asdict(self), "reasons": dict(self.reasons), "confusion": confusion}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Decode the output of `to_json`."""
        confusion = confusion_from_json(value["confusion"])
        return cls(**{**value, "reasons": Counter(value["reasons"]), "confusion": confusion})


class WorkFolder:
    """The work folder of one run; use it in a `with` statement.

    `key` holds everything that determines the tasks: only a run with an equal key can resume.
    Raises WorkFolderError if the folder belongs to another run or has another format.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any], *, resume: bool) -> None:
        self.folder = folder
        self._key = {"format": FORMAT, **key}
        if (folder / _STATE).exists() and not resume:
            raise WorkFolderError(
                folder,
                "holds an interrupted run: continue it with --resume, or remove the folder to "
                "start over",
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise WorkFolderError(folder, "is in use: another run writes this output") from None
        try:
            self.checkpoint = self._read_checkpoint()
            self._tasks = self._opened(TASKS, self.checkpoint.tasks_bytes)
            self._rejects = self._opened(REJECTS, self.checkpoint.rejects_bytes)
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

    def append(self, chunk: EncodedChunk) -> None:
        """Write one more chunk; it is durable after the next `commit`."""
        self.checkpoint.tasks_bytes += self._tasks.write(chunk.tasks)
        self.checkpoint.rejects_bytes += self._rejects.write(rejection_lines(chunk.rejections))
        self.checkpoint.add(chunk)

    def commit(self) -> None:
        """Flush everything appended to disk, then replace the checkpoint."""
        for file in (self._tasks, self._rejects):
            file.flush()
            os.fsync(file.fileno())
        state = {"key": self._key, "progress": self.checkpoint.to_json()}
        with atomic_write(self.folder / _STATE) as draft:
            draft.write_bytes(orjson.dumps(state))

    def remove(self) -> None:
        """Remove the folder, the checkpoint first: without it the folder counts as empty."""
        (self.folder / _STATE).unlink()
        shutil.rmtree(self.folder)

    def _read_checkpoint(self) -> Checkpoint:
        try:
            state = orjson.loads((self.folder / _STATE).read_bytes())
        except FileNotFoundError:
            return Checkpoint()
        self._check_format(state["key"].get("format"))
        if state["key"] != orjson.loads(orjson.dumps(self._key)):
            raise WorkFolderError(
                self.folder,
                "belongs to a run with other inputs, options or another model: give the same "
                "command again, or remove the folder to start over",
            )
        return Checkpoint.from_json(state["progress"])

    def _check_format(self, found: Any) -> None:
        if found == FORMAT:
            return
        age = "a newer" if isinstance(found, int) and found > FORMAT else "an older"
        raise WorkFolderError(
            self.folder,
            f"was written by {age} version of preannotate (format {found}, this version reads "
            f"{FORMAT}): finish the run with that version, or remove the folder to start over",
        )

    def _opened(self, name: str, size: int) -> BinaryIO:
        path = self.folder / name
        if not size:
            path.unlink(missing_ok=True)  # a finished run can share its bytes with an output
        path.touch()
        file = path.open("r+b")
        file.truncate(size)
        file.seek(size)
        return file
