"""Annotate splits on a Ray cluster with Ray Data: one actor with a loaded model per core.

The only module that imports Ray. The nodes read the splits of the inputs themselves; the model and
the results travel as Ray objects. This process writes each result to a folder as soon as it
arrives, so an interrupted run resumes with it. Ray retries the splits of a lost node elsewhere.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import ray
import ray.data
import ray.exceptions

from adapters.preannotate.engines import splits
from adapters.preannotate.engines.splits import Split
from adapters.preannotate.errors import EngineError, PreannotateError
from adapters.preannotate.model import use_one_thread
from adapters.preannotate.readers.reading import Inputs
from adapters.preannotate.results import Annotator, EncodedChunk, LoadedAnnotator, merged
from model_store.files import atomic_write


@dataclass(frozen=True)
class RayEngine:
    """A Ray cluster."""

    address: str | None = None
    """None takes what RAY_ADDRESS names, else starts a cluster on this machine."""
    workers: int | None = None
    """Number of actors; None starts one for each core of the cluster."""
    name: ClassVar = "ray"

    def annotate(
        self, inputs: Inputs, annotator: Annotator, *, done: int, scratch: Path
    ) -> Iterator[EncodedChunk]:
        """Yield one merged chunk per split in order, without the first `done`.

        Results that arrive early wait in a folder in `scratch`. Raises EngineError.
        """
        unnumbered = splits.split(inputs.sources)
        total = inputs.size
        folder = scratch / "parts"
        folder.mkdir(exist_ok=True)
        with _cluster(self.address):
            numbered = _numbered(unnumbered)
            waiting = dict(enumerate(numbered[done:], start=done))
            missing = {n: split for n, split in waiting.items() if not _path(folder, n).exists()}
            finished = _finished(missing, annotator, self.workers)
            for number in waiting:
                while not (path := _path(folder, number)).exists():
                    if (row := next(finished, None)) is None:
                        name = numbered[number].name
                        raise EngineError(f"The cluster left out {name}: run the command again.")
                    _check(row)
                    with atomic_write(_path(folder, row["number"])) as draft:
                        draft.write_bytes(row["result"])
                consumed = total * (number + 1) // len(numbered)
                yield EncodedChunk.from_bytes(path.read_bytes(), consumed)
                path.unlink()
            for _ in finished:
                """Let the cluster shut down by itself."""


class _Worker:
    """An actor: holds the model and annotates one split after the other."""

    def __init__(self, annotator: "ray.ObjectRef[LoadedAnnotator]") -> None:
        use_one_thread()
        self._annotator: LoadedAnnotator = ray.get(annotator)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        def annotate(split: Split) -> dict[str, Any]:
            return {"result": merged(map(self._annotator, split.chunks())).to_bytes()}

        return _answer(row, annotate)


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    _be_quiet()
    # Without "local", Ray joins any cluster that somebody else has started on this machine.
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    # RuntimeError: the cluster has another version of Ray.
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(f"No Ray cluster answers at {address}: {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"The cluster failed ({type(error).__name__}): see Ray's logs, then continue with "
            "--resume."
        ) from error
    finally:
        ray.shutdown()


def _be_quiet() -> None:
    # By default Ray warns about every actor that it would be lost with this process.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _finished(
    missing: dict[int, Split], annotator: Annotator, workers: int | None
) -> Iterator[Any]:
    """Yield rows of number and result, or problem, as splits complete, in any order."""
    if not missing:
        return
    rows = [{"number": number, **asdict(split)} for number, split in missing.items()]
    loaded = ray.put(annotator.load(None))
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    most = min(workers or int(resources.get("CPU", 1)), len(rows))
    # One split per block, because Ray hands out whole blocks.
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,  # type: ignore[arg-type] # its types leave out classes
        fn_constructor_args=(loaded,),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        num_cpus=1,
    )
    yield from dataset.iter_rows()


def _numbered(unnumbered: list[Split]) -> list[Split]:
    """Set `first_line` of every JSONL split; the cluster counts the lines."""
    if not any(split.format == "jsonl" for split in unnumbered):
        return unnumbered
    rows = [{"number": number, **asdict(split)} for number, split in enumerate(unnumbered)]
    counted = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_count).take_all()
    for row in counted:
        _check(row)
    counts = [row["lines"] for row in sorted(counted, key=lambda row: row["number"])]
    numbered = []
    before = dict.fromkeys((split.file_number for split in unnumbered), 0)
    for split, count in zip(unnumbered, counts, strict=True):
        numbered.append(replace(split, first_line=before[split.file_number] + 1))
        before[split.file_number] += count
    return numbered


def _count(row: dict[str, Any]) -> dict[str, Any]:
    return _answer(row, lambda split: {"lines": splits.count_lines(split)})


def _answer(row: dict[str, Any], work: Callable[[Split], dict[str, Any]]) -> dict[str, Any]:
    """Work on a split and return its row, with a problem instead of raising an error.

    Ray turns an exception into text, so its type would be lost.
    """
    split = Split(**{name: value for name, value in row.items() if name != "number"})
    try:
        return {"number": row["number"], "problem": "", **work(split)}
    except PreannotateError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{split.name}: {error.strerror or error}: can all nodes read it?"
    return {"number": row["number"], "problem": problem}


def _check(row: dict[str, Any]) -> None:
    if row["problem"]:
        raise EngineError(f"{row['problem']} Continue with the same command and --resume.")


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08}"
