"""HTTP basic authentication (RFC 7617)."""

import base64
import binascii
import secrets
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Scope

PROBES = frozenset({"/health", "/healthz", "/livez", "/readyz"})
"""Paths of the health probes."""

CHALLENGE = {"WWW-Authenticate": 'Basic realm="sentiment", charset="UTF-8"'}
"""The header of a 401."""


class BasicAuth:
    """Check credentials on every route; the health probes also pass without any.

    Wrong credentials are refused on the probes too: Label Studio tries them on `/health`, and only
    then tells its user that they are wrong.
    """

    def __init__(self, user: str, password: str) -> None:
        credentials = f"{user}:{password}"
        self._expected = [credentials.encode()]
        # RFC 7617 asks for UTF-8; Label Studio and other clients with `requests` send Latin-1.
        with suppress(UnicodeEncodeError):
            self._expected.append(credentials.encode("latin-1"))

    def allows(self, scope: Scope) -> bool:
        """Return whether a request carries the right credentials or needs none."""
        header = Headers(scope=scope).get("authorization")
        if header is None:
            return scope["path"] in PROBES
        scheme, _, credentials = header.partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            return False
        matches = [secrets.compare_digest(given, expected) for expected in self._expected]
        return scheme.lower() == "basic" and any(matches)
