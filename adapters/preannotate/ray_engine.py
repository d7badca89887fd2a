"""Does a job on a Ray cluster: an actor for each core, with a loaded model, on Ray Data.

The only module that knows Ray. What is handed out are parts of the inputs; an actor writes the
result of a part into a folder that all nodes and this process share, whole or not at all. A part
that is there is done: a lost actor costs the part it was at, and an interrupted run goes on. The
model reaches the nodes through the same folder.
"""

import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
import ray.data
import ray.exceptions

from adapters.preannotate import parts
from adapters.preannotate.errors import EngineError
from adapters.preannotate.job import Job
from adapters.preannotate.parts import Part
from adapters.preannotate.results import Result, merged
from adapters.preannotate.sources import Source

_MODEL, _COMPILED = "model", "compiled"
"""Folders beside the finished parts."""


def run(
    sources: Sequence[Source],
    job: Job,
    *,
    address: str | None,
    workers: int | None,
    folder: Path,
    done: int,
) -> Iterator[tuple[int, Result]]:
    """For every part, in order: bytes of the inputs up to its end, and its result.

    `folder` is on a file system that all nodes share; `done` parts are left out. Without an
    address a cluster is started on this machine. Raises EngineError.
    """
    total = sum(source.size for source in sources)
    unnumbered = parts.plan(sources)
    folder.mkdir(exist_ok=True)
    with _cluster(address):
        planned = _numbered(unnumbered)
        waiting = dict(enumerate(planned[done:], start=done))
        missing = {n: part for n, part in waiting.items() if not _path(folder, n).exists()}
        finished = _finished(missing, job, folder, workers)
        for number in waiting:
            while not (path := _path(folder, number)).exists():
                if next(finished, None) is None and not path.exists():
                    raise EngineError(f"The cluster left out {planned[number].name}: run it again.")
            yield total * (number + 1) // len(planned), Result.from_bytes(path.read_bytes())
            path.unlink()
        for _ in finished:
            """Let the cluster end by itself."""


class _Worker:
    """An actor: loads the model once, then does one part after the other."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._folder = folder
        self._job = job.load(folder / _COMPILED)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part = _part(row)
        result = merged(map(self._job, part.chunks()))
        path = _path(self._folder, row["number"])
        draft = path.with_suffix(f".{uuid.uuid4().hex}.draft")
        with draft.open("wb") as file:
            file.write(result.to_bytes())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return {"number": row["number"]}


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    _be_quiet()
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, ValueError) as error:
        raise EngineError(f"No Ray cluster answers at {address}: {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"The cluster could not do it ({type(error).__name__}): see Ray's logs, then go on "
            "with --resume."
        ) from error
    finally:
        ray.shutdown()


def _be_quiet() -> None:
    # Else it warns, of every actor, of what a lost first process would cost.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _finished(
    missing: dict[int, Part], job: Job, folder: Path, workers: int | None
) -> Iterator[Any]:
    """The numbers of parts as they are done, in any order."""
    if not missing:
        return
    rows = [{"number": number, **_row(part)} for number, part in missing.items()]
    shutil.copytree(job.model.directory, folder / _MODEL, dirs_exist_ok=True)
    shared = replace(job, model=replace(job.model, directory=folder / _MODEL))
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    most = min(workers or int(resources["CPU"]), len(rows))
    # One part in each block, so that a part is what an actor gets at once.
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,  # type: ignore[arg-type] # its types leave out classes
        fn_constructor_args=(shared, folder),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        num_cpus=1,
    )
    yield from dataset.iter_rows()


def _numbered(planned: list[Part]) -> list[Part]:
    """The parts with the numbers of their first lines, which the cluster counts."""
    if not any(part.format == "jsonl" for part in planned):
        return planned
    rows = [{"number": number, **_row(part)} for number, part in enumerate(planned)]
    counted = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_count).take_all()
    counts = [row["lines"] for row in sorted(counted, key=lambda row: row["number"])]
    numbered = []
    before = dict.fromkeys((part.file_number for part in planned), 0)
    for part, count in zip(planned, counts, strict=True):
        numbered.append(replace(part, first_line=before[part.file_number] + 1))
        before[part.file_number] += count
    return numbered


def _count(row: dict[str, Any]) -> dict[str, Any]:
    return {"number": row["number"], "lines": parts.count_lines(_part(row))}


def _row(part: Part) -> dict[str, Any]:
    return {**asdict(part), "path": str(part.path)}


def _part(row: dict[str, Any]) -> Part:
    fields = {name: value for name, value in row.items() if name != "number"}
    return Part(**{**fields, "path": Path(fields["path"])})


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08}"
