"""`preannotate INPUT... OUT`: parse, one call, print.

What takes long to import is imported when it is needed, and in the workers at the same time.
"""

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from adapters.preannotate import formats
from adapters.preannotate.engines import processes
from adapters.preannotate.errors import InputError
from adapters.preannotate.exit_codes import DONE, SOME_REJECTED

if TYPE_CHECKING:
    from adapters.preannotate.run import Plan

INTERRUPTED = "Interrupted: the same command with --resume goes on where it stopped."

LABELING_INTERFACE = Path(__file__).parent / "labeling_interface.xml"

_DESCRIPTION = """\
Read records, or Label Studio tasks, and write tasks with predictions that Label Studio imports.

Each row becomes a task with all its columns in "data"; the labeling config says which of them is
the text. Rows that cannot become a task are listed in a file of their own and stop nothing.

preannotate --project ID   predicts all tasks of a project in Label Studio (see --project 1 --help)
preannotate doctor URL     looks for what goes wrong most often (see doctor --help)"""

_EPILOG = """\
Exit codes: 0 all rows are done, 1 some were rejected, 2 the run could not go on; then the same
command with --resume goes on where it stopped.

More, with examples: docs/preannotate.md"""


def main(given: list[str]) -> int:
    """Run it; returns the exit code. Raises PreannotateError, and OSError."""
    options = parser().parse_args(given)
    if options.engine == "local":
        processes.start_early()
    with processes.interrupts_held_back():  # amid an import, they can be lost
        from adapters.preannotate.run import run
        from adapters.preannotate.summary import write_summary
    with _interrupted_by_sigterm():
        summary = run(_plan(options))
    if options.summary:
        write_summary(summary.to_json(), options.summary)
    if not options.quiet:
        print(summary)
    return SOME_REJECTED if summary.rejected else DONE


def parser() -> argparse.ArgumentParser:
    """All options, with their help."""
    result = argparse.ArgumentParser(
        prog="preannotate",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="file, folder, glob pattern in quotes, a URI of any of them in an object store, or - "
        "for standard input; plain, gzip or zstd",
    )
    result.add_argument(
        "out", metavar="OUT", help="file or URI to write: .json, .jsonl or .parquet"
    )
    _add_reading(result.add_argument_group("reading"))
    _add_predicting(result.add_argument_group("predicting"))
    _add_writing(result.add_argument_group("writing"))
    return result


def _add_reading(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--format", choices=formats.INPUTS, help="what the inputs hold (by their suffix)"
    )
    group.add_argument(
        "--encoding",
        default="utf-8",
        help="of CSV, TSV, JSON and JSONL without a byte order mark (utf-8)",
    )


def _add_predicting(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--label-config",
        type=Path,
        default=LABELING_INTERFACE,
        metavar="FILE",
        help="the project's labeling config: its names and choices, and the column with the text "
        '(that of the tutorial: a column "review")',
    )
    group.add_argument(
        "--model",
        metavar="TAG",
        help="version from the BentoML model store, such as sentiment-cnn:0123456789abcdef "
        "(the model that ships)",
    )
    group.add_argument(
        "--truth",
        metavar="COLUMN",
        help="compare with the labels in this column: accuracy and confusion matrix",
    )
    group.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="processes, each with a model (one for each core)",
    )
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where to predict: on this machine, or on a Ray cluster, which reads Parquet or JSONL "
        "from an object store or a file system that all its nodes share (local)",
    )
    group.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="the cluster, such as 10.0.0.1:6379 (one that is started on this machine)",
    )


def _add_writing(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--to", choices=formats.OUTPUTS, help="what to write (by the suffix of OUT)")
    group.add_argument(
        "--part-size",
        type=_positive,
        metavar="N",
        help="write parts of N tasks: OUT-00001, OUT-00002, ...; parts of an earlier run that are "
        "left over are removed",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with an interrupted run of the same command; without one, begin",
    )
    group.add_argument(
        "--rejects",
        metavar="FILE",
        help="where to list rejected rows, as JSONL (OUT.rejects.jsonl, if there are any)",
    )
    group.add_argument("--summary", type=Path, metavar="FILE", help="write what was done, as JSON")
    group.add_argument(
        "--quiet", action="store_true", help="no progress bar, no report: only what went wrong"
    )


def _plan(options: argparse.Namespace) -> "Plan":
    from adapters.preannotate import files, outputs, placing, sources
    from adapters.preannotate.readers import text
    from adapters.preannotate.run import Plan, rejects_of, work_folder_of
    from adapters.preannotate.versions import find

    out = files.at(options.out)
    rejects = files.at(options.rejects) if options.rejects else None
    parts = outputs.parts(out)
    beside = [rejects or rejects_of(out), *([options.summary] if options.summary else [])]
    found = sources.find(
        options.inputs, options.format, [out, work_folder_of(out), *parts, *beside]
    )
    sources.check_apart(found, [*(parts if options.part_size else [out]), *beside])
    plan = Plan(
        sources=found,
        encoding=text.check_encoding(options.encoding),
        out=out,
        out_format=outputs.format_of(out, options.to),
        part_size=options.part_size,
        label_config=_read(options.label_config),
        model=find(options.model),
        truth=options.truth,
        engine=options.engine,
        ray_address=options.ray_address,
        workers=options.workers,
        rejects=rejects,
        resume=options.resume,
        quiet=options.quiet,
    )
    for file in (out, *beside):
        placing.prepare(file)
    return plan


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "the labeling config is not text in UTF-8") from error


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError
    return number


_positive.__name__ = "positive number"  # what argparse calls it when it is none


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
