"""`preannotate INPUT... OUT`: annotate files."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from adapters.preannotate import OUTPUT_FORMATS
from adapters.preannotate.engines import processes
from adapters.preannotate.errors import (
    DONE,
    SOME_REJECTED,
    EngineError,
    InputError,
    interrupted_as,
)
from adapters.preannotate.verbs import FilesVerb, quiet_option, summary_option
from model_store import console
from model_store.readers import INPUT_FORMATS

if TYPE_CHECKING:
    from adapters.preannotate.run import Engine

LABELING_INTERFACE = Path(__file__).parents[1] / "labeling_interface.xml"

_FEW_FILES = 5
_SHOWN = 60
"""Names of columns, and characters of each, in a message."""

_HELP = """\
Read records, or Label Studio tasks, and write tasks with predictions that Label Studio imports.

Each INPUT is a file, a folder, a glob pattern in quotes, the URI of any of them in an object store,
or - for standard input; plain, or compressed with gzip or zstd. OUT is a file or URI that ends with
.json, .jsonl or .parquet, or - for standard output.

Each row becomes a task with all its columns in "data"; the labeling config says which column is the
text. Rows that cannot become a task are listed in a separate file, and the run continues."""

_EPILOG = """\
Write an input that is named like a command as a path: ./project.

Exit codes: 0 all rows have predictions, 1 some rows were rejected, 2 the run stopped; the same
command with --resume continues it.

More, with examples: docs/preannotate.md"""


def _positive(value: str) -> int:
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"{value!r} is not a positive number.")


def _character(value: str) -> str:
    character = "\t" if value in ("\\t", "tab") else value
    if len(character) == 1 and character not in "\r\n":
        return character
    raise click.BadParameter(f"{value!r} is not a single character.")


def _character_or_none(value: str) -> str:
    return value and _character(value)


@click.command(cls=FilesVerb, hidden=True, help=_HELP, epilog=_EPILOG)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.argument("out", metavar="OUT")
@click.option(
    "--format",
    "input_format",
    type=click.Choice(INPUT_FORMATS),
    help="Format of the inputs; by default, their suffixes decide.",
)
@click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    metavar="NAME",
    help="Encoding of CSV, TSV, JSON and JSONL without a byte order mark.",
)
@click.option(
    "--delimiter",
    type=_character,
    metavar="CHAR",
    help="The character between the fields of CSV and TSV, such as \\t; by default, detected.",
)
@click.option(
    "--quote",
    type=_character_or_none,
    metavar="CHAR",
    help="The character that encloses fields; '' if none does, and each line is a row.",
)
@click.option(
    "--escape",
    type=_character_or_none,
    metavar="CHAR",
    help="The character before a quote or delimiter that is text; '' if none is.",
)
@click.option(
    "--columns",
    metavar="NAMES",
    help="The names of the columns, as a,b,c, of CSV and TSV without a header.",
)
@click.option(
    "--label-config",
    type=click.Path(path_type=Path),
    default=LABELING_INTERFACE,
    metavar="FILE",
    help="The project's labeling config: names its choices and the column with the text. By "
    'default, the one of the tutorial: a column "review".',
)
@click.option(
    "--model",
    metavar="TAG",
    help="Version from the BentoML model store, such as sentiment-cnn:0123456789abcdef. By "
    "default, the model that ships.",
)
@click.option(
    "--truth",
    metavar="COLUMN",
    help="Compare predictions with the labels in this column: print accuracy and confusion matrix.",
)
@click.option(
    "--evidence",
    is_flag=True,
    help="Add regions for the words that speak for each prediction: the labeling config needs a "
    "Labels or HyperTextLabels control for them.",
)
@click.option(
    "--duplicates",
    is_flag=True,
    help='Add a field "duplicate_group" to each task: the number of the first task whose text is '
    "nearly the same.",
)
@click.option(
    "--workers",
    type=_positive,
    metavar="N",
    help="Number of processes, each with a model. By default, one for each core.",
)
@click.option(
    "--engine",
    type=click.Choice(("local", "ray")),
    default="local",
    show_default=True,
    help="Predict on this machine, or on a Ray cluster, which reads Parquet or JSONL from an "
    "object store or a file system that all nodes share.",
)
@click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="Address of the cluster, such as 10.0.0.1:6379. By default, start one on this machine.",
)
@click.option(
    "--to",
    "output_format",
    type=click.Choice(OUTPUT_FORMATS),
    help="Format of the output; by default, the suffix of OUT decides.",
)
@click.option(
    "--part-size",
    type=_positive,
    metavar="N",
    help="Write parts of N tasks: OUT-00001, OUT-00002, ... Remove the remaining parts that an "
    "earlier run wrote.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue an interrupted run of the same command, or start a new run.",
)
@click.option(
    "--rejects",
    metavar="FILE",
    help="List rejected rows in this file, as JSONL. By default, OUT.rejects.jsonl if a row is "
    "rejected.",
)
@summary_option
@quiet_option
def files(
    *,
    inputs: tuple[str, ...],
    out: str,
    input_format: str | None,
    encoding: str,
    delimiter: str | None,
    quote: str | None,
    escape: str | None,
    columns: str | None,
    label_config: Path,
    model: str | None,
    truth: str | None,
    evidence: bool,
    duplicates: bool,
    workers: int | None,
    engine: str,
    ray_address: str | None,
    output_format: str | None,
    part_size: int | None,
    resume: bool,
    rejects: str | None,
    summary: str | None,
    quiet: bool,
) -> int:
    """Run the verb and return its exit code; raises PreannotateError and OSError."""
    message = "Interrupted: the same command with --resume continues where it stopped."
    with interrupted_as(message), _sigterm_as_interrupt():
        if engine == "local":
            processes.start_early()
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.preannotate.model import find
            from adapters.preannotate.outputs import Output
            from adapters.preannotate.readers import sources
            from adapters.preannotate.readers.reading import Inputs
            from adapters.preannotate.results import Annotator
            from adapters.preannotate.run import run
            from adapters.preannotate.storage import File
            from model_store.readers.dialects import Given
            from model_store.readers.reading import Reading
            from model_store.readers.text import problem_of
        output = Output.at(out, output_format, part_size, rejects, summary)
        passed_over: dict[File, str] = {}
        found = sources.find(inputs, input_format, output.written(), passed_over)
        sources.check_apart(found, output.replaced())
        output.check_keeps(label_config)
        annotator = Annotator.of(
            find(model),
            _read(label_config),
            truth,
            with_evidence=evidence,
            with_duplicates=duplicates,
        )
        if problem := problem_of(encoding):
            raise InputError(f"--encoding {encoding}", problem)
        names = tuple(columns.split(",")) if columns else None
        dialect = Given(delimiter, quote, escape, names)
        reading = Reading(encoding, annotator.columns, dialect)
        rows = Inputs(found, reading, sources.count_by_reason(passed_over))
        chosen = _engine(engine, workers, ray_address)
        output.prepare()
        done = run(rows, annotator, chosen, output, resume=resume, quiet=quiet)
    if not quiet:
        console.say(str(done), err=output.uses_standard_output)
    if done.rejected:
        for file, found_columns in islice(rows.unmatched.items(), _FEW_FILES):
            console.say(_without_text(file, found_columns, annotator.columns), err=True)
    if done.truth and done.tasks and not done.truth.confusion:
        console.say(f'No row has a label in the column "{truth}": check its name.', err=True)
        return SOME_REJECTED
    return SOME_REJECTED if done.rejected else DONE


def _without_text(file: str, names: Sequence[str], wanted: Sequence[str]) -> str:
    """Say which columns a file has, and what to do, where none is the wanted one."""
    listed = ", ".join(repr(name[:_SHOWN]) for name in names[:_SHOWN])
    return (
        f"{file}: no row has the column {', '.join(map(repr, wanted))} that the labeling config "
        f"names; the first rows have {listed}. Rename it here or there. For a file without a "
        "header, give --columns; where these are not the columns, --delimiter."
    )


def _engine(name: str, workers: int | None, ray_address: str | None) -> "Engine":
    if name == "local":
        from adapters.preannotate.engines.local import LocalEngine

        return LocalEngine(workers)
    try:
        from adapters.preannotate.engines.ray import RayEngine
    except ModuleNotFoundError as error:
        raise EngineError(
            'Ray is not installed: `pip install "sentiment-backend[ray]"`, here and on all nodes.'
        ) from error
    return RayEngine(ray_address, workers)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "the labeling config is not text in UTF-8") from error


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
