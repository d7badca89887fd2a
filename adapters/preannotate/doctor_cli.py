"""`preannotate doctor`: parse, look, print."""

import argparse
import os
from collections.abc import Iterator

import urllib3

from adapters.label_studio.client import ClientError, LabelStudioClient
from adapters.preannotate.doctor import (
    Backend,
    Finding,
    examine_address,
    examine_backend,
    examine_project,
    let_in,
)
from adapters.settings import LabelStudioSettings

_DESCRIPTION = """\
Look for what goes wrong most often between Label Studio and a backend, and say what to do.

With LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, Label Studio is looked at as well; with --project
also what it knows of the backend in one project."""


def main(arguments: list[str]) -> int:
    """Print what was found; 0 if all is fine, 1 if something is wrong."""
    options = parser().parse_args(arguments)
    wrong = 0
    for finding in _examine(options):
        print(finding)
        wrong += not finding.fine
    print(f"{wrong} wrong." if wrong else "All is fine.")
    return 1 if wrong else 0


def parser() -> argparse.ArgumentParser:
    """All options, with their help."""
    result = argparse.ArgumentParser(
        prog="preannotate doctor",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("url", help="the backend's address, as Label Studio is given it")
    add("--user", default=os.environ.get("SENTIMENT_BASIC_AUTH_USER"), help="of basic auth")
    add("--password", default=os.environ.get("SENTIMENT_BASIC_AUTH_PASSWORD"), help="of basic auth")
    add("--project", type=int, metavar="ID", help="the project that the backend is for")
    add("--fix", action="store_true", help="put the credentials onto the project's webhook")
    return result


def _examine(options: argparse.Namespace) -> Iterator[Finding]:
    backend = Backend(options.url.rstrip("/"), options.user, options.password)
    yield from examine_address(backend.url)
    found = list(examine_backend(backend))
    yield from found
    access = LabelStudioSettings()
    if access.url is None or access.api_key is None:
        return
    finding, client = let_in(access.url, access.api_key.get_secret_value())
    yield finding
    if client and options.project and found[0].fine:
        yield from _examine_project(client, options, backend)


def _examine_project(
    client: LabelStudioClient, options: argparse.Namespace, backend: Backend
) -> Iterator[Finding]:
    try:
        with client:
            yield from examine_project(client, options.project, backend, fix=options.fix)
    except (ClientError, urllib3.exceptions.HTTPError) as error:
        yield Finding("project", fine=False, text=str(error).rstrip("."))
