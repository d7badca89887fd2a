"""Keep the results of a run on disk, so that an interrupted run can be resumed.

The folder holds the finished tasks and rejections, and `state.json`, a checkpoint that says how
many bytes of them are valid. Bytes beyond it come from a run that was killed, and are cut off.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import orjson
from filelock import FileLock, Timeout

from adapters.preannotate.errors import WorkFolderError, naming
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
_OURS = re.compile(
    rf"{re.escape(TASKS)}|{REJECTS}|{_STATE}|{re.escape(_LOCK)}|\..*\.draft.*|copy|compiled.*"
    r"|manifest|part-\d{5,}|parts|summary"
)
"""What a run makes in its work folder."""

_START_OVER = "remove the folder to start over"
_REASONS = 50
_READ_BYTES = 1024 * 1024
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
    unread_rests: int = 0
    """Files whose rest cannot be read."""
    confusion: Confusion = field(default_factory=Counter)

    def add(self, chunk: EncodedChunk) -> None:
        """Count one more chunk, without its sizes in bytes, which the writer adds."""
        self.chunks += 1
        self.rows += chunk.row_count
        self.tasks += chunk.task_count
        self.rejected += len(chunk.rejections)
        self.consumed = chunk.consumed
        self.confusion.update(chunk.confusion)
        self.unread_rests += sum(item.ends_file for item in chunk.rejections)
        for item in chunk.rejections:
            known = item.reason in self.reasons or len(self.reasons) < _REASONS
            self.reasons[item.reason if known else OTHER_REASONS] += 1

    def to_json(self) -> dict[str, Any]:
        """Return the checkpoint as JSON values."""
        confusion = confusion_to_json(self.confusion)
        return {**asdict(self), "reasons": dict(self.reasons), "confusion": confusion}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Decode the output of `to_json`; raises TypeError or ValueError for anything else."""
        confusion = confusion_from_json(value["confusion"])
        reasons = Counter(dict(value["reasons"]))
        checkpoint = cls(**{**value, "reasons": reasons, "confusion": confusion})
        counts = {**vars(checkpoint), "reasons": 0, "confusion": 0}.values()
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise ValueError
        return checkpoint


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
                folder, f"holds an interrupted run: continue it with --resume, or {_START_OVER}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._check_is_ours()
        self._lock = FileLock(folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise WorkFolderError(folder, "is in use: another run writes this output") from None
        with ExitStack() as opened:
            opened.callback(self._lock.release)
            self.checkpoint, sums = self._read_state()
            self._tasks = _Lines(folder / TASKS, self.checkpoint.tasks_bytes, sums.get(TASKS))
            opened.callback(self._tasks.close)
            self._rejects = _Lines(
                folder / REJECTS, self.checkpoint.rejects_bytes, sums.get(REJECTS)
            )
            opened.callback(self._rejects.close)
            self.commit()
            opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing writes what is left; after an error, that may fail again, and says nothing new.
        for file in (self._tasks, self._rejects):
            with suppress(OSError) if error else nullcontext():
                file.close()
        self._lock.release()

    def append(self, chunk: EncodedChunk) -> None:
        """Write one more chunk; it is durable after the next `commit`."""
        self.checkpoint.tasks_bytes += self._tasks.append(chunk.tasks)
        self.checkpoint.rejects_bytes += self._rejects.append(rejection_lines(chunk.rejections))
        self.checkpoint.add(chunk)

    def commit(self) -> None:
        """Flush everything appended to disk, then replace the checkpoint."""
        self._tasks.flush()
        self._rejects.flush()
        state = {
            "key": self._key,
            "progress": self.checkpoint.to_json(),
            "sums": {TASKS: self._tasks.sum, REJECTS: self._rejects.sum},
        }
        path = self.folder / _STATE
        with naming(path), atomic_write(path) as draft:
            draft.write_bytes(orjson.dumps(state))

    def remove(self) -> None:
        """Remove the folder, the checkpoint first: without it the folder counts as empty.

        Keeps what the run did not make.
        """
        (self.folder / _STATE).unlink()
        for item in self.folder.iterdir():
            if not _OURS.fullmatch(item.name):
                continue
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _check_is_ours(self) -> None:
        if (self.folder / _STATE).exists():
            return
        for item in self.folder.iterdir():
            if not _OURS.fullmatch(item.name):
                raise WorkFolderError(
                    self.folder,
                    f"is needed for the progress of this run, and holds {item.name}, which no run "
                    "wrote: move the folder, or name another output",
                )

    def _read_state(self) -> tuple[Checkpoint, Mapping[str, int]]:
        """Return the checkpoint, and the checksums of its files, which an earlier release lacks."""
        try:
            state = orjson.loads((self.folder / _STATE).read_bytes())
        except FileNotFoundError:
            return Checkpoint(), {}
        except ValueError as error:
            raise self._damaged() from error
        try:
            self._check_key(state["key"])
            return Checkpoint.from_json(state["progress"]), dict(state.get("sums", {}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._damaged() from error

    def _damaged(self) -> WorkFolderError:
        return WorkFolderError(self.folder, f"has a damaged {_STATE}: {_START_OVER}")

    def _check_key(self, key: Mapping[str, Any]) -> None:
        self._check_format(key.get("format"))
        if key != orjson.loads(orjson.dumps(self._key)):
            raise WorkFolderError(
                self.folder,
                "belongs to a run with other inputs, options or another model: give the same "
                f"command again, or {_START_OVER}",
            )

    def _check_format(self, found: Any) -> None:
        if found == FORMAT:
            return
        age = "a newer" if isinstance(found, int) and found > FORMAT else "an older"
        raise WorkFolderError(
            self.folder,
            f"was written by {age} version of preannotate (format {found}, this version reads "
            f"{FORMAT}): finish the run with that version, or {_START_OVER}",
        )


class _Lines:
    """A file of the folder: opened at the end of its committed bytes, with their checksum."""

    def __init__(self, path: Path, size: int, expected: int | None) -> None:
        """Cut off what follows `size` bytes; raises WorkFolderError if they are not as written."""
        self._path = path
        if not size:
            path.unlink(missing_ok=True)  # a finished run can share its bytes with an output
            path.touch()
        elif not path.is_file() or path.stat().st_size < size:
            raise WorkFolderError(path.parent, f"lacks the end of {path.name}: {_START_OVER}")
        self._file = path.open("r+b")
        self.sum = 0
        while left := size - self._file.tell():
            self.sum = crc32(self._file.read(min(_READ_BYTES, left)), self.sum)
        if expected not in (None, self.sum):
            self._file.close()
            raise WorkFolderError(
                path.parent, f"has a {path.name} that the run did not write: {_START_OVER}"
            )
        self._file.truncate(size)

    def append(self, lines: bytes) -> int:
        """Write lines and return their size in bytes."""
        self.sum = crc32(lines, self.sum)
        with naming(self._path):
            return self._file.write(lines)

    def flush(self) -> None:
        """Flush everything written to disk."""
        with naming(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
