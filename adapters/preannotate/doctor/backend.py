"""Check a backend and its address, without Label Studio."""

import base64
import ipaddress
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import urllib3

from adapters.preannotate.doctor.finding import Finding, attempted

HEALTH_SECONDS = 1.0
"""How long Label Studio waits for `/health`."""
_TIMEOUT_SECONDS = 10.0
ALLOW_PRIVATE = (
    "LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false and LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false"
)


@dataclass(frozen=True)
class BackendClient:
    """A client for a backend, at the URL that Label Studio uses."""

    url: str
    """Without credentials and trailing slash."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    """The secret that events must carry."""

    @classmethod
    def at(
        cls,
        url: str,
        user: str | None = None,
        password: str | None = None,
        secret: str | None = None,
    ) -> Self:
        """Make a client; raises ValueError if the URL is invalid.

        Credentials in the URL have precedence.
        """
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
        if parts.username:
            user, password = unquote(parts.username), unquote(parts.password or "")
        return cls(
            parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), user, password, secret
        )

    @property
    def authorization(self) -> dict[str, str]:
        """Return the Authorization header; empty without credentials."""
        if not self.user:
            return {}
        credentials = f"{self.user}:{self.password or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def is_at(self, url: str, path: str = "") -> bool:
        """Return whether a URL is this backend's, followed by a path, ignoring credentials."""
        try:
            return self.at(url).url == self.url + path
        except ValueError:  # another backend can have an invalid URL
            return False

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and return status, seconds and JSON (None if it is not JSON).

        `headers` replace the one made from the credentials. Raises urllib3's HTTPError.
        """
        start = time.monotonic()
        response = urllib3.request(
            method,
            f"{self.url}{path}",
            json=body if method == "POST" else None,
            headers={
                "Content-Type": "application/json",
                **(self.authorization if headers is None else headers),
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
    prefix = urlsplit(backend.url).path
    text = "/health says UP" if up else f"/health answers {status}: see the backend's log"
    if status == 404 and prefix:  # noqa: PLR2004
        text = (
            f"{prefix}/health answers 404: if a proxy passes requests on with {prefix}, start the "
            f"backend with SENTIMENT_ROOT_PATH={prefix}"
        )
    yield Finding("healthy", fine=up, text=text)
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
        f"unless it is started with {ALLOW_PRIVATE}"
        if private
        else "it is public",
    )
