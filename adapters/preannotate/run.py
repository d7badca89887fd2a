"""Run one command from its inputs to its outputs. Knows no command line and no engine's internals.

Read it downhill: `Inputs` yields chunks of rows, an `Annotator` turns them into tasks on an
`Engine`, a `WorkFolder` keeps what is done, and an `Output` publishes it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from adapters.preannotate.duplicates import number_groups
from adapters.preannotate.errors import InputError, OutputError
from adapters.preannotate.outputs import Output
from adapters.preannotate.readers.reading import Inputs
from adapters.preannotate.results import Annotator, EncodedChunk
from adapters.preannotate.summary import Comparison, Summary, progress_bar, write_summary
from adapters.preannotate.work_folder import REJECTS, TASKS, Checkpoint, WorkFolder

_COMMIT_SECONDS = 0.25


class Engine(Protocol):
    """Annotates chunks: see `adapters.preannotate.engines`."""

    @property
    def name(self) -> str:
        """The engine's name in summaries. Two engines may cut inputs into different chunks."""

    def annotate(
        self, inputs: Inputs, annotator: Annotator, *, done: int, scratch: Path
    ) -> Iterator[EncodedChunk]:
        """Yield the chunks of the inputs in order, without the first `done`.

        `scratch` is a folder that persists until the run is complete. Raises EngineError.
        """


def run(
    inputs: Inputs,
    annotator: Annotator,
    engine: Engine,
    output: Output,
    *,
    resume: bool,
    quiet: bool,
) -> Summary:
    """Annotate all inputs and write the output; `quiet` shows no progress bar.

    Raises PreannotateError, and OSError where a file cannot be written.
    """
    start = time.monotonic()
    if resume and any(source.file is None for source in inputs.sources):
        raise InputError(
            "standard input", "cannot be read again: write it to a file to use --resume"
        )
    key = {"engine": engine.name, **inputs.key(), **annotator.key()}
    with (
        output.workspace(resume=resume) as folder,
        _continued_with_resume(),
        WorkFolder(folder, key, resume=resume) as work,
    ):
        resumed_after = work.checkpoint.rows
        _annotate(inputs, annotator, engine, work, quiet=quiet)
        tasks, duplicates = folder / TASKS, None
        if annotator.with_duplicates:
            tasks, duplicates = number_groups(tasks, folder)
        written = output.publish(tasks, folder)
        rejects = output.publish_rejects(folder / REJECTS, folder)
        seconds = time.monotonic() - start
        done = work.checkpoint
        summary = Summary(
            model_version=annotator.model.version,
            engine=engine.name,
            files=len(inputs.sources),
            passed_over=inputs.passed_over,
            rows=done.rows,
            tasks=done.tasks,
            rejected=done.rejected,
            reasons=done.reasons,
            unread_rests=done.unread_rests,
            outputs=written,
            rejects=rejects,
            seconds=seconds,
            rows_per_second=(done.rows - resumed_after) / seconds,
            resumed_after_rows=resumed_after,
            truth=_comparison(annotator, done),
            duplicates=duplicates,
        )
        if output.summary is not None:
            write_summary(summary.to_json(), output.summary, folder)
        work.remove()
    return summary


@contextmanager
def _continued_with_resume() -> Iterator[None]:
    """Name a file that cannot be read or written, as on a full disk, and say how to go on."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise OutputError(
            error.filename or "The run",
            f"{reason}: mend this, then continue with the same command and --resume",
        ) from error


def _annotate(
    inputs: Inputs, annotator: Annotator, engine: Engine, work: WorkFolder, *, quiet: bool
) -> None:
    """Append all chunks that are not done yet to the work folder."""
    done = work.checkpoint.chunks
    chunks = engine.annotate(inputs, annotator, done=done, scratch=work.folder)
    committed = time.monotonic()
    with progress_bar(work.checkpoint, inputs.size, quiet=quiet) as bar:
        for chunk in chunks:
            work.append(chunk)
            bar.show(work.checkpoint)
            if time.monotonic() - committed > _COMMIT_SECONDS:
                work.commit()
                committed = time.monotonic()
    work.commit()


def _comparison(annotator: Annotator, done: Checkpoint) -> Comparison | None:
    if annotator.truth is None:
        return None
    return Comparison(annotator.truth, annotator.labels, done.confusion)
