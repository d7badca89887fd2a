"""Make an HTTP call on a new connection, as Label Studio does.

It takes half the processor time of locust's FastHttpUser. On a machine with few cores, the clients
compete with the server for processor time.
"""

import socket
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

CONNECT_SECONDS = 1.0
"""How long Label Studio waits for a connection."""

CallError = (OSError, HTTPException)
"""The errors that a call without a complete response raises."""


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    retry_after: str | None
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Return whether the status is 200."""
        return self.status == HTTPStatus.OK


def call(
    url: str, method: str, path: str, body: bytes = b"", *, patience: float = CONNECT_SECONDS
) -> Answer:
    """Send a JSON request and return the response.

    Raises TimeoutError if no data arrives for `patience` seconds, and other `CallError`s.
    """
    host, port = address(url)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n"
        f"Connection: keep-alive\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as connection:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect((host, port))
        connection.settimeout(patience)
        connection.sendall(head.encode() + body)
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            return Answer(response.status, response.getheader("Retry-After"), response.read())


def address(url: str) -> tuple[str, int]:
    """Return host and port of `http://host:port`."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url} is not a server's address: write it as http://host:port.")
    return parts.hostname, parts.port or 80
