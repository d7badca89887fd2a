"""Check a project of Label Studio: its labeling config, its backend, and the version it shows."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.label_studio.client_errors import ClientError, is_personal
from adapters.label_studio.events import project_key
from adapters.label_studio.project_api import ProjectApi
from adapters.label_studio.shown_version import ADVICE, WHERE, Showing, showing
from adapters.preannotate.doctor.backend import ALLOW_PRIVATE, BackendClient
from adapters.preannotate.doctor.finding import Finding, attempted
from adapters.preannotate.doctor.webhook import examine_webhook


def connect(url: str, api_key: str) -> tuple[Finding, ProjectApi | None]:
    """Check that Label Studio accepts the API key; return its API if it does."""
    kind = "personal access token" if is_personal(api_key) else "legacy token"
    try:
        api = ProjectApi(url, api_key)
        api.check()
    except ClientError as error:
        text = f"{str(error).rstrip('.')} (a {kind})"
        return Finding("Label Studio", fine=False, text=text), None
    return Finding("Label Studio", fine=True, text=f"{url} accepts the {kind}"), api


def examine_project(
    api: ProjectApi, number: int, backend: BackendClient, *, fix: bool
) -> Iterator[Finding]:
    """Check that Label Studio has the backend, sends it events and shows its predictions.

    With `fix`, change the webhook and the shown version. Raises ClientError.
    """
    project = api.project(number)
    setup = _setup(project, backend)
    yield from attempted("labeling config", _labeling_config(setup))
    connected = [item for item in api.backends(number) if backend.is_at(item["url"])]
    if not connected:
        yield Finding(
            "connected",
            fine=False,
            text=f"the project has no backend {backend.url}: add it under Settings, Model, Connect "
            "Model",
        )
        return
    yield _connection(connected[0]["error_message"])
    yield from attempted("webhook", examine_webhook(api, project, backend, fix=fix))
    yield from attempted("selected version", _shown_version(api, project, setup, fix=fix))


def _setup(project: Mapping[str, Any], backend: BackendClient) -> Mapping[str, Any]:
    """Return the backend's answer for this project, whose versions are its own."""
    body = {"project": project_key(project), "schema": project["label_config"]}
    _, _, content = backend.request("POST", "/setup", body)
    return content if isinstance(content, Mapping) else {}


def _labeling_config(setup: Mapping[str, Any]) -> Iterator[Finding]:
    problems = [text for text in setup.get("problems", []) if not text.startswith(ADVICE)]
    for problem in problems:
        yield Finding("labeling config", fine=False, text=problem.rstrip("."))
    if not problems:
        served = ", ".join(setup.get("controls", []))
        yield Finding("labeling config", fine=bool(served), text=f"served: {served or 'nothing'}")


def _connection(error: object) -> Finding:
    reserved = "reserved network address" in str(error)
    return Finding(
        "connected",
        fine=not error,
        text="Label Studio lists it as connected"
        if not error
        else f"Label Studio rejects its private address: start Label Studio with {ALLOW_PRIVATE}"
        if reserved
        else "Label Studio shows an error for it: open Settings, Model",
    )


def _shown_version(
    api: ProjectApi, project: Mapping[str, Any], setup: Mapping[str, Any], *, fix: bool
) -> Iterator[Finding]:
    number, served = project["id"], setup["model_version"]
    versions = api.versions(project)
    state = showing(versions, served)
    shown = versions.shown or "no version"
    counts = versions.counts
    fine = state is Showing.SERVED
    retrieve = (
        "select all tasks and choose Actions, Retrieve Predictions (or run `preannotate project "
        f"{number}`), and run this again with --fix"
    )
    if fine:
        text = f"{served} is shown"
    elif state is Showing.UNPREDICTED and not any(counts.values()):
        fine = True
        text = "no task has a prediction yet: choose Retrieve Predictions, then check again"
    elif state is Showing.UNPREDICTED:
        text = f"{served} serves the project, and no task has a prediction of it: {retrieve}"
    elif state is Showing.PARTLY_PREDICTED:
        text = (
            f"the project shows the scores of {shown}. {served}, which serves it, has "
            f"{counts[served]} predictions instead of {counts[shown]}: {retrieve}"
        )
    elif fix:
        api.show_version(number, served)
        fine, text = True, f"the project showed {shown}; it shows {served} now"
    else:
        text = (
            f"the project shows {shown}, and {served} serves it, so the score column is blank or "
            f"old: choose {served} under {WHERE}, or run this again with --fix"
        )
    yield Finding("selected version", fine=fine, text=text)
