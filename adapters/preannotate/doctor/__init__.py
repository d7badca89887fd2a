"""Check the most frequent problems between Label Studio and a backend, and say what to do.

The checks only read. On request, they mend what they can.
"""

from collections.abc import Iterator

from adapters.preannotate.doctor.backend import BackendClient, examine_address, examine_backend
from adapters.preannotate.doctor.finding import Finding, attempted
from adapters.preannotate.doctor.project import connect, examine_project

__all__ = ["BackendClient", "Finding", "examine", "examine_address"]


def examine(
    url: str,
    user: str | None,
    password: str | None,
    secret: str | None = None,
    *,
    access: tuple[str | None, str | None],
    project: int | None,
    fix: bool,
) -> Iterator[Finding]:
    """Run all checks that are possible.

    `access` is Label Studio's URL and API key; if one is None, Label Studio is not checked. With
    `fix`, change the project's webhook and the version that it shows.
    """
    try:
        backend = BackendClient.at(url, user, password, secret)
    except ValueError:
        text = "this is not the URL of a backend: write a URL such as http://backend.internal:9090"
        yield Finding("address", fine=False, text=text)
        return
    yield from examine_address(backend.url)
    findings = list(examine_backend(backend))
    yield from findings
    label_studio, key = access
    if label_studio is None or key is None:
        return
    finding, api = connect(label_studio, key)
    yield finding
    if api and project is not None and findings[0].fine:
        yield from attempted("project", examine_project(api, project, backend, fix=fix))
