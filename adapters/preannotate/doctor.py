"""Looks for what goes wrong most often between Label Studio and a backend, and says what to do.

Asks and reads; the one thing that it changes, on request, are the headers of a webhook.
"""

import ipaddress
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3

from adapters.label_studio.client import ClientError, LabelStudioClient
from adapters.preannotate.backend import Backend

HEALTH_SECONDS = 1.0
"""What Label Studio gives `/health`."""
_LET_PRIVATE = "LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false and LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    fine: bool
    text: str
    """What is so; where it is wrong, also what to do."""

    def __str__(self) -> str:
        return f"{'ok   ' if self.fine else 'WRONG'}  {self.subject}: {self.text}"


def examine_backend(backend: Backend) -> Iterator[Finding]:
    """Whether it can be reached, in time, with these credentials."""
    try:
        status, seconds, content = backend.ask("GET", "/health")
    except urllib3.exceptions.HTTPError as error:
        yield Finding(
            "reachable",
            fine=False,
            text=f"{backend.url} cannot be reached ({type(error).__name__}): is it started, and is "
            "this its address from here? Between containers `localhost` is each its own: use the "
            "container's name",
        )
        return
    yield Finding("reachable", fine=True, text=f"{backend.url} answers")
    yield Finding(
        "in time",
        fine=seconds < HEALTH_SECONDS,
        text=f"/health took {seconds:.2f} s, and Label Studio waits {HEALTH_SECONDS:g}: "
        + ("fine" if seconds < HEALTH_SECONDS else "give it more cores or less load"),
    )
    if status == 401:  # noqa: PLR2004
        yield _wrong_credentials()
        return
    up = isinstance(content, Mapping) and content.get("status") == "UP"
    yield Finding(
        "healthy",
        fine=up,
        text="it is UP" if up else f"/health answers {status}: see the log of the backend",
    )
    yield from attempted("version", _version(backend))


def _version(backend: Backend) -> Iterator[Finding]:
    status, _, content = backend.ask("POST", "/setup", {})
    if status == 401:  # noqa: PLR2004
        yield _wrong_credentials()
    elif isinstance(content, Mapping) and "model_version" in content:
        yield Finding("version", fine=True, text=f"{content['model_version']} serves new projects")
    else:
        yield Finding("version", fine=False, text=f"/setup answers {status}: is it this backend?")


def attempted(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings; where one cannot be made, one that says why."""
    try:
        yield from findings
    except ClientError as error:
        yield Finding(subject, fine=False, text=str(error).rstrip("."))
    except urllib3.exceptions.HTTPError as error:
        yield Finding(
            subject,
            fine=False,
            text=f"the backend does not answer ({type(error).__name__}): see its log, give it more "
            "cores or less load, and look again",
        )
    except (AttributeError, TypeError, ValueError):
        yield Finding(
            subject, fine=False, text="it does not answer as this backend does: is it another one?"
        )


def _wrong_credentials() -> Finding:
    return Finding(
        "credentials",
        fine=False,
        text="the backend asks for other ones: give --user and --password as its settings "
        "SENTIMENT_BASIC_AUTH_USER and SENTIMENT_BASIC_AUTH_PASSWORD have them",
    )


def examine_address(url: str) -> Iterator[Finding]:
    """Whether Label Studio will take this address, and make a webhook for it."""
    host = urlsplit(url).hostname or ""
    dotted = "." in host or host == "localhost" or ":" in host
    yield Finding(
        "host name",
        fine=dotted,
        text=f"{host} is fine"
        if dotted
        else f"{host} has no dot: Label Studio connects the backend but makes no webhook, and "
        "annotations are not heard. Give it a name such as backend.internal",
    )
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        yield Finding("address", fine=False, text=f"{host} is not known here: check the name")
        return
    private = [item for item in addresses if not ipaddress.ip_address(item).is_global]
    yield Finding(
        "address",
        fine=True,
        text=f"{', '.join(sorted(private))} is private: Label Studio since 1.23.1 refuses it "
        f"unless it is started with {_LET_PRIVATE}"
        if private
        else "it is public",
    )


def examine_project(
    client: LabelStudioClient, number: int, backend: Backend, *, fix: bool
) -> Iterator[Finding]:
    """Whether Label Studio knows the backend, tells it of events and shows its predictions.

    Raises ClientError.
    """
    project = client.project(number)
    yield from attempted("labeling config", _labeling_config(project, backend))
    connected = [item for item in client.backends(number) if _same(item["url"], backend.url)]
    if not connected:
        yield Finding(
            "connected",
            fine=False,
            text=f"the project has no backend {backend.url}: Settings, Model, Connect Model",
        )
        return
    error = connected[0]["error_message"]
    reserved = "reserved network address" in str(error)
    yield Finding(
        "connected",
        fine=not error,
        text="Label Studio has it as connected"
        if not error
        else f"Label Studio refuses its private address: start it with {_LET_PRIVATE}"
        if reserved
        else "Label Studio has an error for it: open Settings, Model",
    )
    yield from attempted("webhook", _webhook(client, number, backend, fix=fix))
    yield from attempted("selected version", _selected_version(project, connected[0], backend))


def _labeling_config(project: Mapping[str, Any], backend: Backend) -> Iterator[Finding]:
    _, _, content = backend.ask("POST", "/setup", {"schema": project["label_config"]})
    answer = content if isinstance(content, Mapping) else {}
    problems = answer.get("problems", [])
    for problem in problems:
        yield Finding("labeling config", fine=False, text=problem.rstrip("."))
    if not problems:
        served = ", ".join(answer.get("controls", []))
        yield Finding("labeling config", fine=bool(served), text=f"served: {served or 'nothing'}")


def _webhook(
    client: LabelStudioClient, number: int, backend: Backend, *, fix: bool
) -> Iterator[Finding]:
    hooks = [
        hook for hook in client.webhooks(number) if _same(hook["url"], f"{backend.url}/webhook")
    ]
    active = [hook for hook in hooks if hook["is_active"]]
    if not active:
        yield Finding(
            "webhook",
            fine=False,
            text="it is switched off: Settings, Webhooks"
            if hooks
            else "there is none, so annotations are not heard: start Label Studio with "
            "LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false and connect the backend anew, by a host "
            "name with a dot",
        )
        return
    yield Finding("webhook", fine=True, text="events are sent")
    if _is_heard(backend, {}):
        return
    yield _webhook_credentials(client, active[0], backend, fix=fix)


def _webhook_credentials(
    client: LabelStudioClient, hook: Mapping[str, Any], backend: Backend, *, fix: bool
) -> Finding:
    """Whether those that Label Studio sends with events are the right ones."""
    of_url = Backend.at(hook["url"]).authorization
    headers = hook["headers"] or {}
    fine = _is_heard(backend, headers | of_url)
    if fine:
        text = "are there"
    elif of_url:
        text = (
            "the backend refuses those in the webhook's URL: connect the backend anew "
            "with the right ones in its URL"
        )
    elif fix and backend.user:
        client.set_webhook_headers(hook["id"], headers | backend.authorization)
        fine, text = True, "were missing, and are set now"
    else:
        text = (
            "Label Studio sends events without credentials, and the backend refuses them: run this "
            "again with --user, --password and --fix"
        )
    return Finding("webhook credentials", fine=fine, text=text)


def _is_heard(backend: Backend, headers: Mapping[str, str]) -> bool:
    """Whether an event with these headers is let in."""
    sent = {name: text for name, text in headers.items() if name == "Authorization"}
    status, _, _ = backend.ask("POST", "/webhook", {}, authorization=sent)
    return bool(status != 401)  # noqa: PLR2004


def _selected_version(
    project: Mapping[str, Any], connected: Mapping[str, Any], backend: Backend
) -> Iterator[Finding]:
    selected = project.get("model_version") or ""
    _, _, content = backend.ask("GET", "/versions")
    versions = content.get("versions", []) if isinstance(content, Mapping) else []
    fine = selected in (*versions, connected["title"])
    yield Finding(
        "selected version",
        fine=fine,
        text=f"{selected} is shown"
        if fine
        else f"the project shows {selected or 'no version'}, and the backend has "
        f"{', '.join(versions)}: choose it under Settings, Model, or the score column stays blank",
    )


def let_in(url: str, api_key: str) -> tuple[Finding, LabelStudioClient | None]:
    """Whether Label Studio lets us in, by which kind of token, and the client if it does."""
    kind = "personal access token" if api_key.count(".") == 2 else "legacy token"  # noqa: PLR2004
    try:
        client = LabelStudioClient(url, api_key)
        client.check()
    except ClientError as error:
        return Finding(
            "Label Studio", fine=False, text=f"{str(error).rstrip('.')} (a {kind})"
        ), None
    return Finding("Label Studio", fine=True, text=f"{url} lets us in, by a {kind}"), client


def _same(one: str, other: str) -> bool:
    """Whether it is the same address, with whatever credentials."""
    try:
        return Backend.at(one).url == Backend.at(other).url
    except ValueError:  # others may be connected at addresses that are none
        return False
