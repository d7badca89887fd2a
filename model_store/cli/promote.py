"""`model-store promote`: let a version serve a project."""

from pathlib import Path

import click

from model_store.cli.data_dir_option import data_dir_option, open_deployments, report_change


@click.command(short_help="Let a version serve a project.")
@click.argument("version")
@click.option("--project", help="The project to serve.  [default: the one it was trained for]")
@data_dir_option
def promote(version: str, project: str | None, data_dir: Path) -> None:
    """Let VERSION, as `model-store versions` lists it, serve a project.

    This works even if the promotion gate refused the version. Running servers change over by
    themselves.
    """
    log = open_deployments(data_dir)
    from model_store.serving.versions import promote

    report_change(promote(log, version, project))
