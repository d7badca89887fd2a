"""Check the most frequent problems between Label Studio and a backend, and say what to do.

The checks only read. On request, one adds credentials to the headers of a webhook.
"""

import base64
import ipaddress
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import urllib3

from adapters.label_studio.client import ClientError, LabelStudioClient

HEALTH_SECONDS = 1.0
"""How long Label Studio waits for `/health`."""
_TIMEOUT_SECONDS = 10.0
_ALLOW_PRIVATE = (
    "LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false and LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false"
)


@dataclass(frozen=True)
class BackendClient:
    """A client for a backend, at the URL that Label Studio uses."""

    url: str
    """Without credentials and trailing slash."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def at(cls, url: str, user: str | None = None, password: str | None = None) -> Self:
        """Make a client; raises ValueError if the URL is invalid.

        Credentials in the URL have precedence.
        """
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
        if parts.username:
            user, password = unquote(parts.username), unquote(parts.password or "")
        return cls(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), user, password)

    @property
    def authorization(self) -> dict[str, str]:
        """Return the Authorization header; empty without credentials."""
        if not self.user:
            return {}
        credentials = f"{self.user}:{self.password or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        authorization: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and return status, seconds and JSON (None if it is not JSON).

        `authorization` replaces the header made from the credentials. Raises urllib3's HTTPError.
        """
        start = time.monotonic()
        response = urllib3.request(
            method,
            f"{self.url}{path}",
            json=body if method == "POST" else None,
            headers={
                "Content-Type": "application/json",
                **(self.authorization if authorization is None else authorization),
            },
            timeout=_TIMEOUT_SECONDS,
            retries=False,
        )
        seconds = time.monotonic() - start
        try:
            content = response.json()
        except ValueError:
            content = None
        return response.status, seconds, content


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str
    fine: bool
    text: str
    """The result in words; if it is wrong, also what to do."""

    def __str__(self) -> str:
        return f"{'ok   ' if self.fine else 'WRONG'}  {self.subject}: {self.text}"


def examine(
    url: str,
    user: str | None,
    password: str | None,
    *,
    access: tuple[str | None, str | None],
    project: int | None,
    fix: bool,
) -> Iterator[Finding]:
    """Run all checks that are possible.

    `access` is Label Studio's URL and API key; if one is None, Label Studio is not checked. With
    `fix`, add missing credentials to the project's webhook.
    """
    try:
        backend = BackendClient.at(url, user, password)
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
    finding, client = connect(label_studio, key)
    yield finding
    if client is None:
        return
    with client:
        if project is not None and findings[0].fine:
            yield from attempted("project", examine_project(client, project, backend, fix=fix))


def examine_backend(backend: BackendClient) -> Iterator[Finding]:
    """Check that the backend answers, fast enough, and accepts the credentials."""
    try:
        status, seconds, content = backend.request("GET", "/health")
    except urllib3.exceptions.HTTPError as error:
        yield Finding(
            "reachable",
            fine=False,
            text=f"{backend.url} cannot be reached ({type(error).__name__}): check that it runs "
            "and that this machine reaches it at this address. In a container, `localhost` is the "
            "container itself: use the name of the backend's container",
        )
        return
    yield Finding("reachable", fine=True, text=f"{backend.url} answers")
    yield Finding(
        "in time",
        fine=seconds < HEALTH_SECONDS,
        text=f"/health took {seconds:.2f} s, Label Studio waits {HEALTH_SECONDS:g} s: "
        + ("fine" if seconds < HEALTH_SECONDS else "add cores or reduce the load"),
    )
    if status == 401:  # noqa: PLR2004
        yield _wrong_credentials()
        return
    up = isinstance(content, Mapping) and content.get("status") == "UP"
    yield Finding(
        "healthy",
        fine=up,
        text="/health says UP" if up else f"/health answers {status}: see the backend's log",
    )
    yield from attempted("version", _version(backend))


def _version(backend: BackendClient) -> Iterator[Finding]:
    status, _, content = backend.request("POST", "/setup", {})
    if status == 401:  # noqa: PLR2004
        yield _wrong_credentials()
    elif isinstance(content, Mapping) and "model_version" in content:
        yield Finding("version", fine=True, text=f"{content['model_version']} serves new projects")
    else:
        yield Finding(
            "version",
            fine=False,
            text=f"/setup answers {status}: check that this is the backend's address",
        )


def attempted(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings; if a check fails with an error, yield a finding that says why."""
    try:
        yield from findings
    except ClientError as error:
        yield Finding(subject, fine=False, text=str(error).rstrip("."))
    except urllib3.exceptions.HTTPError as error:
        yield Finding(
            subject,
            fine=False,
            text=f"the backend does not answer ({type(error).__name__}): see its log, add cores "
            "or reduce the load, and check again",
        )
    except (AttributeError, TypeError, ValueError):
        yield Finding(
            subject, fine=False, text="the answer is not from this backend: check its address"
        )


def _wrong_credentials() -> Finding:
    return Finding(
        "credentials",
        fine=False,
        text="the backend refuses them: set --user and --password to the values of its settings "
        "SENTIMENT_BASIC_AUTH_USER and SENTIMENT_BASIC_AUTH_PASSWORD",
    )


def examine_address(url: str) -> Iterator[Finding]:
    """Check that Label Studio accepts this address and creates a webhook for it."""
    host = urlsplit(url).hostname or ""
    dotted = "." in host or host == "localhost" or ":" in host
    yield Finding(
        "host name",
        fine=dotted,
        text=f"{host} is fine"
        if dotted
        else f"{host} has no dot: Label Studio connects the backend but creates no webhook, so "
        "the backend receives no annotations. Use a name such as backend.internal",
    )
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        yield Finding("address", fine=False, text=f"{host} cannot be resolved: check the name")
        return
    private = [item for item in addresses if not ipaddress.ip_address(item).is_global]
    yield Finding(
        "address",
        fine=True,
        text=f"{', '.join(sorted(private))} is private: Label Studio since 1.23.1 rejects it "
        f"unless it is started with {_ALLOW_PRIVATE}"
        if private
        else "it is public",
    )


def examine_project(
    client: LabelStudioClient, number: int, backend: BackendClient, *, fix: bool
) -> Iterator[Finding]:
    """Check that Label Studio has the backend, sends it events and shows its predictions.

    With `fix`, add missing credentials to the webhook. Raises ClientError.
    """
    project = client.project(number)
    yield from attempted("labeling config", _labeling_config(project, backend))
    connected = [item for item in client.backends(number) if _same(item["url"], backend.url)]
    if not connected:
        yield Finding(
            "connected",
            fine=False,
            text=f"the project has no backend {backend.url}: add it under Settings, Model, Connect "
            "Model",
        )
        return
    error = connected[0]["error_message"]
    reserved = "reserved network address" in str(error)
    yield Finding(
        "connected",
        fine=not error,
        text="Label Studio lists it as connected"
        if not error
        else f"Label Studio rejects its private address: start Label Studio with {_ALLOW_PRIVATE}"
        if reserved
        else "Label Studio shows an error for it: open Settings, Model",
    )
    yield from attempted("webhook", _webhook(client, number, backend, fix=fix))
    yield from attempted("selected version", _selected_version(project, connected[0], backend))


def _labeling_config(project: Mapping[str, Any], backend: BackendClient) -> Iterator[Finding]:
    _, _, content = backend.request("POST", "/setup", {"schema": project["label_config"]})
    answer = content if isinstance(content, Mapping) else {}
    problems = answer.get("problems", [])
    for problem in problems:
        yield Finding("labeling config", fine=False, text=problem.rstrip("."))
    if not problems:
        served = ", ".join(answer.get("controls", []))
        yield Finding("labeling config", fine=bool(served), text=f"served: {served or 'nothing'}")


def _webhook(
    client: LabelStudioClient, number: int, backend: BackendClient, *, fix: bool
) -> Iterator[Finding]:
    hooks = [
        hook for hook in client.webhooks(number) if _same(hook["url"], f"{backend.url}/webhook")
    ]
    active = [hook for hook in hooks if hook["is_active"]]
    if not active:
        yield Finding(
            "webhook",
            fine=False,
            text="it is switched off: switch it on under Settings, Webhooks"
            if hooks
            else "there is none, so the backend receives no annotations: start Label Studio with "
            "LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false and connect the backend again, by a host "
            "name with a dot",
        )
        return
    yield Finding("webhook", fine=True, text="events are sent")
    if _accepts(backend, {}):
        return
    yield _webhook_credentials(client, active[0], backend, fix=fix)


def _webhook_credentials(
    client: LabelStudioClient, hook: Mapping[str, Any], backend: BackendClient, *, fix: bool
) -> Finding:
    """Check the credentials that Label Studio sends with events; with `fix`, add missing ones."""
    of_url = BackendClient.at(hook["url"]).authorization
    headers = hook["headers"] or {}
    fine = _accepts(backend, headers | of_url)
    if fine:
        text = "the backend accepts them"
    elif of_url:
        text = (
            "the backend refuses the credentials in the webhook's URL: connect the backend again "
            "with the right ones in its URL"
        )
    elif fix and backend.user:
        client.set_webhook_headers(hook["id"], headers | backend.authorization)
        fine, text = True, "they were missing; added them to the webhook"
    else:
        text = (
            "Label Studio sends events without credentials, and the backend refuses them: run this "
            "again with --user, --password and --fix"
        )
    return Finding("webhook credentials", fine=fine, text=text)


def _accepts(backend: BackendClient, headers: Mapping[str, str]) -> bool:
    """Return whether the backend accepts an event with these headers."""
    sent = {name: text for name, text in headers.items() if name == "Authorization"}
    status, _, _ = backend.request("POST", "/webhook", {}, authorization=sent)
    return bool(status != 401)  # noqa: PLR2004


def _selected_version(
    project: Mapping[str, Any], connected: Mapping[str, Any], backend: BackendClient
) -> Iterator[Finding]:
    selected = project.get("model_version") or ""
    _, _, content = backend.request("GET", "/versions")
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


def connect(url: str, api_key: str) -> tuple[Finding, LabelStudioClient | None]:
    """Check that Label Studio accepts the API key; return a client if it does."""
    kind = "personal access token" if api_key.count(".") == 2 else "legacy token"  # noqa: PLR2004
    try:
        client = LabelStudioClient(url, api_key)
        client.check()
    except ClientError as error:
        return Finding(
            "Label Studio", fine=False, text=f"{str(error).rstrip('.')} (a {kind})"
        ), None
    return Finding("Label Studio", fine=True, text=f"{url} accepts the {kind}"), client


def _same(one: str, other: str) -> bool:
    """Whether two URLs have the same address, ignoring credentials."""
    try:
        return BackendClient.at(one).url == BackendClient.at(other).url
    except ValueError:  # another backend can have an invalid URL
        return False
