"""The data directory and the deployments of a server, for the verbs that work beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_store.serving import data_dir

if TYPE_CHECKING:
    from model_store.serving.deployments import DeploymentLog, Entry

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=data_dir.default,
    help="The data directory of the server.  [default: $SENTIMENT_DATA_DIR, or .data]",
)


def open_deployments(directory: Path) -> "DeploymentLog":
    """Open the deployment log of the server with this data directory; raises DatabaseError."""
    data_dir.use_store(directory)
    from model_store.serving.database import connect
    from model_store.serving.deployments import DeploymentLog

    return DeploymentLog(connect(data_dir.database_url(directory)))


def report_change(entry: "Entry") -> None:
    """Print which version serves a project, and from when."""
    from datetime import datetime

    name = entry.version or "the model of its settings"
    at = datetime.fromtimestamp(entry.effective_at).astimezone()
    click.echo(
        f"From {at:%H:%M:%S} on, project {entry.project} is served by {name} ({entry.reason})."
    )
