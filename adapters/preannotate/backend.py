"""A backend as it is asked from outside. Knows no findings: those are `doctor`'s."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import urllib3

_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Backend:
    """A backend as Label Studio is told of it."""

    url: str
    """Without credentials, and without a slash at its end."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def at(cls, url: str, user: str | None = None, password: str | None = None) -> Self:
        """The one at this URL, whose credentials count if it has some; raises ValueError."""
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
        if parts.username:
            user, password = unquote(parts.username), unquote(parts.password or "")
        return cls(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), user, password)

    @property
    def authorization(self) -> dict[str, str]:
        """The header that its credentials make."""
        if not self.user:
            return {}
        credentials = f"{self.user}:{self.password or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        authorization: Mapping[str, str] | None = None,
    ) -> Any:
        """Status, seconds and JSON of an answer; raises urllib3's HTTPError.

        `authorization` is another header than that of its credentials.
        """
        began = time.monotonic()
        answer = urllib3.request(
            method,
            f"{self.url}{path}",
            json=body if method == "POST" else None,
            headers={
                "Content-Type": "application/json",
                **(self.authorization if authorization is None else authorization),
            },
            timeout=_PATIENCE_SECONDS,
            retries=False,
        )
        seconds = time.monotonic() - began
        try:
            content = answer.json()
        except ValueError:
            content = None
        return answer.status, seconds, content
