"""Does a job on a Ray cluster: an actor for each core, with a loaded model, on Ray Data.

The only module that knows Ray. What is handed out are parts of the inputs, which the nodes read by
themselves; the model reaches them, and results come back, as Ray's objects. A result is kept in a
folder of this process, whole or not at all, as soon as it has come: an interrupted run goes on
with what it has. The parts that a lost node was at, or whose results it still had, others do again.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
import ray.data
import ray.exceptions

from adapters.preannotate import parts
from adapters.preannotate.errors import EngineError, PreannotateError
from adapters.preannotate.job import Job, LoadedJob
from adapters.preannotate.model import use_one_thread
from adapters.preannotate.parts import Part
from adapters.preannotate.results import Result, merged
from adapters.preannotate.sources import Source


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

    Results that have come early wait in `folder`; `done` parts are left out. Without an address a
    cluster is started on this machine. Raises EngineError.
    """
    total = sum(source.size for source in sources)
    unnumbered = parts.plan(sources)
    folder.mkdir(exist_ok=True)
    with _cluster(address):
        planned = _numbered(unnumbered)
        waiting = dict(enumerate(planned[done:], start=done))
        missing = {n: part for n, part in waiting.items() if not _path(folder, n).exists()}
        finished = _finished(missing, job, workers)
        for number in waiting:
            while not (path := _path(folder, number)).exists():
                if (row := next(finished, None)) is None:
                    raise EngineError(f"The cluster left out {planned[number].name}: run it again.")
                _check(row)
                _keep(row["result"], _path(folder, row["number"]))
            yield total * (number + 1) // len(planned), Result.from_bytes(path.read_bytes())
            path.unlink()
        for _ in finished:
            """Let the cluster end by itself."""


class _Worker:
    """An actor: has the model, and does one part after the other."""

    def __init__(self, job: "ray.ObjectRef[LoadedJob]") -> None:
        use_one_thread()
        self._job: LoadedJob = ray.get(job)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        def work(part: Part) -> dict[str, Any]:
            return {"result": merged(map(self._job, part.chunks())).to_bytes()}

        return _answer(row, work)


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    _be_quiet()
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, RuntimeError, ValueError) as error:  # the second: other versions there
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


def _finished(missing: dict[int, Part], job: Job, workers: int | None) -> Iterator[Any]:
    """Numbers and results of parts as they are done, in any order."""
    if not missing:
        return
    rows = [{"number": number, **asdict(part)} for number, part in missing.items()]
    loaded = ray.put(job.load(None))
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    most = min(workers or int(resources.get("CPU", 1)), len(rows))
    # One part in each block, so that a part is what an actor gets at once.
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,  # type: ignore[arg-type] # its types leave out classes
        fn_constructor_args=(loaded,),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        num_cpus=1,
    )
    yield from dataset.iter_rows()


def _numbered(planned: list[Part]) -> list[Part]:
    """The parts with the numbers of their first lines, which the cluster counts."""
    if not any(part.format == "jsonl" for part in planned):
        return planned
    rows = [{"number": number, **asdict(part)} for number, part in enumerate(planned)]
    counted = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_count).take_all()
    for row in counted:
        _check(row)
    counts = [row["lines"] for row in sorted(counted, key=lambda row: row["number"])]
    numbered = []
    before = dict.fromkeys((part.file_number for part in planned), 0)
    for part, count in zip(planned, counts, strict=True):
        numbered.append(replace(part, first_line=before[part.file_number] + 1))
        before[part.file_number] += count
    return numbered


def _count(row: dict[str, Any]) -> dict[str, Any]:
    return _answer(row, lambda part: {"lines": parts.count_lines(part)})


def _answer(row: dict[str, Any], work: Callable[[Part], dict[str, Any]]) -> dict[str, Any]:
    """What a node makes of a part, or why it cannot: of an error, Ray keeps no more than a text."""
    part = Part(**{name: value for name, value in row.items() if name != "number"})
    try:
        return {"number": row["number"], "problem": "", **work(part)}
    except PreannotateError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{part.name}: {error.strerror or error}: can all nodes read it?"
    return {"number": row["number"], "problem": problem}


def _check(row: dict[str, Any]) -> None:
    if row["problem"]:
        raise EngineError(f"{row['problem']} The same command with --resume goes on.")


def _keep(result: bytes, path: Path) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(result)
    draft.replace(path)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08}"
