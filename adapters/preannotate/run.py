"""One run, from its inputs to its outputs. Knows no command line and no engine's insides."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from joblib import cpu_count

from adapters.preannotate import outputs
from adapters.preannotate.engines import local as local_engine
from adapters.preannotate.errors import EngineError, InputError, LabelingConfigError
from adapters.preannotate.files import File
from adapters.preannotate.job import Job
from adapters.preannotate.model import ModelReference
from adapters.preannotate.readers.reading import CHUNK_ROWS, Inputs
from adapters.preannotate.results import Result
from adapters.preannotate.sources import Source
from adapters.preannotate.summary import Summary
from adapters.preannotate.terminal import display
from adapters.preannotate.truth import Comparison
from adapters.preannotate.work_folder import REJECTS, TASKS, WorkFolder

_FORMAT = 2
"""Of what a run keeps; a change of the tasks that are made of the same input raises it."""
_COMMIT_SECONDS = 0.25


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    sources: Sequence[Source]
    encoding: str
    out: File
    out_format: str
    part_size: int | None
    label_config: str
    """The labeling config's XML."""
    model: ModelReference
    truth: str | None
    engine: Literal["local", "ray"]
    ray_address: str | None
    """Of a cluster that runs; None starts one on this machine."""
    workers: int | None
    """None is one for each core that this process may use."""
    rejects: File | None
    resume: bool
    quiet: bool

    def key(self) -> Mapping[str, Any]:
        """All that decides the tasks: a run goes on only where this is the same."""
        return {
            "format": _FORMAT,
            "chunk_rows": CHUNK_ROWS,
            "engine": self.engine,
            "inputs": [[*source.identity(), source.format] for source in self.sources],
            "encoding": self.encoding,
            "label_config": hashlib.sha256(self.label_config.encode()).hexdigest(),
            "model": self.model.version,
            "truth": self.truth,
        }


def work_folder_of(out: File) -> Path:
    """Where a run keeps what it has done: beside its output, or here if that is no path."""
    name = f"{out.name}.work"
    return out.with_name(name) if isinstance(out, Path) else Path(name)


def rejects_of(out: File) -> File:
    """Where rejected rows are listed if nothing else is asked for."""
    return out.with_name(f"{out.name}.rejects.jsonl")


def run(plan: Plan) -> Summary:
    """Do it; raises PreannotateError, and OSError where a file cannot be written."""
    began = time.monotonic()
    job = _job(plan)
    if plan.resume and any(source.file is None for source in plan.sources):
        raise InputError(
            "standard input", "cannot be read again: write it into a file to use --resume"
        )
    with WorkFolder(work_folder_of(plan.out), plan.key(), resume=plan.resume) as work:
        before = work.progress.rows
        _fill(work, plan, job)
        written = outputs.publish(
            work.folder / TASKS, plan.out, plan.out_format, plan.part_size, work.folder
        )
        rejects = _publish_rejects(work, plan)
        work.remove()
    seconds = time.monotonic() - began
    progress = work.progress
    labels = tuple(job.controls[0].option_of)
    return Summary(
        model_version=plan.model.version,
        engine=plan.engine,
        files=len(plan.sources),
        rows=progress.rows,
        tasks=progress.tasks,
        rejected=progress.rejected,
        reasons=progress.reasons,
        outputs=written,
        rejects=rejects,
        seconds=seconds,
        rows_per_second=(progress.rows - before) / seconds,
        resumed_after_rows=before,
        truth=Comparison(plan.truth, labels, progress.confusion) if plan.truth else None,
    )


def _job(plan: Plan) -> Job:
    config = plan.model.labeling_config(plan.label_config)
    if not config.controls:
        raise LabelingConfigError(config.problems)
    return Job(plan.model, config.controls, plan.truth)


def _fill(work: WorkFolder, plan: Plan, job: Job) -> None:
    """Do all chunks that are not yet done."""
    results = _ray_results(work, plan, job) if plan.engine == "ray" else _results(work, plan, job)
    total = sum(source.size for source in plan.sources)
    committed = time.monotonic()
    with display(total, work.progress, quiet=plan.quiet) as shown:
        for consumed, result in results:
            work.append(result, consumed)
            shown.show(work.progress)
            if time.monotonic() - committed > _COMMIT_SECONDS:
                work.commit()
                committed = time.monotonic()
    work.commit()


def _results(work: WorkFolder, plan: Plan, job: Job) -> Iterator[tuple[int, Result]]:
    wanted = [control.data_key for control in job.controls]
    inputs = Inputs(plan.sources, plan.encoding, wanted)
    chunks = islice(inputs.chunks(), work.progress.chunks, None)
    workers = plan.workers or cpu_count()
    return local_engine.run(chunks, job, workers=workers, compiled=work.folder / "compiled")


def _ray_results(work: WorkFolder, plan: Plan, job: Job) -> Iterator[tuple[int, Result]]:
    try:
        from adapters.preannotate.engines import ray as ray_engine
    except ModuleNotFoundError as error:
        raise EngineError(
            'Ray is not installed: `pip install "sentiment-backend[ray]"`, here and on all nodes.'
        ) from error
    return ray_engine.run(
        plan.sources,
        job,
        address=plan.ray_address,
        workers=plan.workers,
        folder=work.folder / "parts",
        done=work.progress.chunks,
    )


def _publish_rejects(work: WorkFolder, plan: Plan) -> File | None:
    file = plan.rejects or rejects_of(plan.out)
    if work.progress.rejected or plan.rejects:
        outputs.copy_whole(work.folder / REJECTS, file, work.folder)
    else:
        file.unlink(missing_ok=True)  # that of an earlier run
    return file if work.progress.rejected else None
