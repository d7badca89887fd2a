"""`preannotate doctor URL`: check a backend and its project in Label Studio."""

import click

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import DONE, interrupted_as
from model_store import console

_WRONG = 1

_HELP = """\
Check the most frequent problems between Label Studio and a backend, and say what to do.

URL is the backend's address, as it is given to Label Studio. With LABEL_STUDIO_URL and
LABEL_STUDIO_API_KEY set, this checks the access to Label Studio, too; with --project also the
backend's connection in that project."""

_EPILOG = "Exit codes: 0 all is fine, 1 something is wrong, 2 the checks could not run."


@click.command(
    help=_HELP, epilog=_EPILOG, short_help="Check a backend and its project in Label Studio."
)
@click.argument("url", metavar="URL")
@click.option(
    "--user",
    envvar="SENTIMENT_BASIC_AUTH_USER",
    show_envvar=True,
    metavar="NAME",
    help="User for basic auth; a user in the URL has precedence.",
)
@click.option(
    "--password",
    envvar="SENTIMENT_BASIC_AUTH_PASSWORD",
    show_envvar=True,
    metavar="PASSWORD",
    help="Password for basic auth.",
)
@click.option(
    "--webhook-secret",
    envvar="SENTIMENT_WEBHOOK_SECRET",
    show_envvar=True,
    metavar="SECRET",
    help="Secret that events must carry.",
)
@click.option("--project", type=int, metavar="ID", help="Project that the backend is connected to.")
@click.option(
    "--fix", is_flag=True, help="Change the project's webhook and the version that it shows."
)
def doctor(
    *,
    url: str,
    user: str | None,
    password: str | None,
    webhook_secret: str | None,
    project: int | None,
    fix: bool,
) -> int:
    """Run the verb and return its exit code."""
    with interrupted_as("Interrupted."):
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.preannotate.doctor import examine
            from adapters.settings import LabelStudioSettings
        access = LabelStudioSettings()
        key = access.api_key.get_secret_value() if access.api_key else None
        wrong = 0
        for finding in examine(
            url, user, password, webhook_secret, access=(access.url, key), project=project, fix=fix
        ):
            console.say(str(finding))
            wrong += not finding.fine
    console.say(f"{wrong} wrong." if wrong else "All is fine.")
    return _WRONG if wrong else DONE
