"""Failures of calls to Label Studio's API, in words, and the checks of its address and key."""

from urllib.parse import urlsplit

UNREACHABLE = "cannot be reached: check LABEL_STUDIO_URL, and that Label Studio is running"
NO_LABEL_STUDIO = "does not answer as Label Studio does: check LABEL_STUDIO_URL"
_FORBIDDEN = "does not have it, or the owner of LABEL_STUDIO_API_KEY may not see it"
_REASONS = {
    401: "refuses LABEL_STUDIO_API_KEY: it is wrong or has expired, or its kind (personal access "
    "token or legacy token) is disabled in Label Studio",
    403: _FORBIDDEN,
    404: _FORBIDDEN,
    429: "received too many requests: try again later",
}


class ClientError(Exception):
    """A call of Label Studio's API failed. The message never contains a token or a response."""

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing
        """Whether a retry may help: Label Studio is overloaded or cannot be reached."""


def failure(action: str, url: str, reason: str, *, is_passing: bool) -> ClientError:
    """Return the error of a call of the Label Studio at a URL; `reason` ends the sentence."""
    message = f"Cannot {action}: Label Studio at {url} {reason}."
    return ClientError(message, is_passing=is_passing)


def is_personal(api_key: str) -> bool:
    """Return whether a key is a personal access token, a JWT; otherwise it is a legacy token."""
    return api_key.count(".") == 2  # noqa: PLR2004 (the three parts of a JWT)


def timed_out(seconds: float) -> str:
    """Return the reason of a call that was not answered in time."""
    return f"does not answer within {seconds:g} seconds: try again later"


def is_passing(status: int) -> bool:
    """Return whether a retry may help after this status."""
    return status == 429 or status >= 500  # noqa: PLR2004 (HTTP's)


def reason_of(status: int) -> str:
    """Return what a status says of Label Studio, as the rest of a sentence about it."""
    if status in _REASONS:
        return _REASONS[status]
    if 300 <= status < 400:  # noqa: PLR2004 (HTTP's redirects)
        return "redirects to another address: set LABEL_STUDIO_URL to that address if you trust it"
    if status >= 500:  # noqa: PLR2004 (HTTP's errors of servers)
        return f"fails with status {status}: its log says why"
    return NO_LABEL_STUDIO


def checked_url(url: str) -> str:
    """Return Label Studio's address without a trailing slash; raise ClientError if it is none."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        fine = False
    if not fine:
        raise ClientError(
            "LABEL_STUDIO_URL must be an address such as http://labels.example.org:8080, without a "
            "user name."
        )
    return url.rstrip("/")


def checked_key(api_key: str) -> str:
    """Return the key without surrounding whitespace, which secret files often have."""
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ClientError("LABEL_STUDIO_API_KEY must be a token as Label Studio shows it.")
    return key
