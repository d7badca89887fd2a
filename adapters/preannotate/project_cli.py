"""`preannotate --project ID`: parse, one call, print."""

import argparse
from pathlib import Path

from adapters.label_studio.client import ClientError, LabelStudioClient
from adapters.label_studio.events import EventError, project_key
from adapters.preannotate.errors import PreannotateError
from adapters.preannotate.exit_codes import DONE, SOME_REJECTED
from adapters.preannotate.placing import prepare
from adapters.preannotate.project import ProjectRun, ProjectSummary
from adapters.preannotate.summary import write_summary
from adapters.preannotate.versions import active_of, find
from adapters.settings import LabelStudioSettings
from model_store.serving import data_dir

INTERRUPTED = "Interrupted: the same command goes on where it stopped."

_DESCRIPTION = """\
Predict all tasks of a project in Label Studio and store the predictions there.

Tasks that have a prediction of this version already are left out: the same command goes on where
it was stopped, and does nothing where all is done. LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY (a
personal access token or a legacy token) say where, and for whom."""

_EPILOG = """\
Exit codes: 0 all tasks are done, 1 some have no text, 2 the run could not go on; then run it again.

More: docs/preannotate.md"""


def main(given: list[str]) -> int:
    """Run it; returns the exit code. Raises PreannotateError, and OSError."""
    options = parser().parse_args(given)
    access = LabelStudioSettings()
    if access.url is None or access.api_key is None:
        raise PreannotateError(
            "Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY: they say where the project is."
        )
    for file in filter(None, (options.rejects, options.summary)):
        prepare(file)
    try:
        with LabelStudioClient(access.url, access.api_key.get_secret_value()) as client:
            summary = _run(client, options)
    except (ClientError, EventError) as error:
        raise PreannotateError(str(error)) from error
    if options.summary:
        write_summary(summary.to_json(), options.summary)
    if not options.quiet:
        print(summary)
    return SOME_REJECTED if summary.rejected else DONE


def parser() -> argparse.ArgumentParser:
    """All options, with their help."""
    result = argparse.ArgumentParser(
        prog="preannotate --project",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--project", type=int, required=True, metavar="ID", help="the number in its address")
    add(
        "--model",
        metavar="TAG",
        help="version to predict with (that which serves the project here, or the one that ships)",
    )
    add(
        "--data-dir",
        type=Path,
        default=data_dir.default(),
        help="the data directory of that server ($SENTIMENT_DATA_DIR, or .data)",
    )
    add("--dry-run", action="store_true", help="store nothing, only say what would be done")
    add("--rejects", type=Path, metavar="FILE", help="list tasks without prediction, as JSONL")
    add("--summary", type=Path, metavar="FILE", help="write what was done, as JSON")
    add("--quiet", action="store_true", help="no progress bar, no report: only what went wrong")
    return result


def _run(client: LabelStudioClient, options: argparse.Namespace) -> ProjectSummary:
    project = client.project(options.project)
    data_dir.use_store(options.data_dir)
    tag = options.model or active_of(project_key(project), options.data_dir)
    run = ProjectRun(
        client,
        project,
        find(tag),
        dry_run=options.dry_run,
        rejects=options.rejects,
        quiet=options.quiet,
    )
    return run(options.data_dir / "compiled")
