"""`preannotate doctor`: parse, look, print."""

import argparse
import os
from collections.abc import Iterator

from adapters.preannotate.backend import Backend
from adapters.preannotate.doctor import (
    Finding,
    attempted,
    examine_address,
    examine_backend,
    examine_project,
    let_in,
)
from adapters.settings import LabelStudioSettings

INTERRUPTED = "Interrupted."

_DESCRIPTION = """\
Look for what goes wrong most often between Label Studio and a backend, and say what to do.

With LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, Label Studio is looked at as well; with --project
also what it knows of the backend in one project."""


def main(given: list[str]) -> int:
    """Print what was found; 0 if all is fine, 1 if something is wrong."""
    _, *arguments = given  # the first one is `doctor`
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
    try:
        backend = Backend.at(options.url, options.user, options.password)
    except ValueError:
        text = "what is given is no URL of a backend: write it as http://backend.internal:9090"
        yield Finding("address", fine=False, text=text)
        return
    yield from examine_address(backend.url)
    found = list(examine_backend(backend))
    yield from found
    access = LabelStudioSettings()
    if access.url is None or access.api_key is None:
        return
    finding, client = let_in(access.url, access.api_key.get_secret_value())
    yield finding
    if client and options.project and found[0].fine:
        with client:
            findings = examine_project(client, options.project, backend, fix=options.fix)
            yield from attempted("project", findings)
