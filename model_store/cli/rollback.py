"""`model-store rollback`: let the previous version serve a project again."""

from pathlib import Path

import click

from model_store.cli.data_dir_option import data_dir_option, open_deployments, report_change


@click.command(short_help="Let the previous version serve a project again.")
@click.argument("project")
@data_dir_option
def rollback(project: str, data_dir: Path) -> None:
    """Let the version that was active before the active one serve PROJECT again.

    PROJECT is written as `model-store versions` lists it: its number, a point, and the Unix time of
    its creation. The number alone is enough if only one project has it.
    """
    log = open_deployments(data_dir)
    from model_store.serving.versions import rollback

    report_change(rollback(log, project))
