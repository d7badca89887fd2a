"""Remove the path prefix that a proxy in front of the server keeps."""

from starlette.types import Scope


def without_prefix(scope: Scope, prefix: str) -> Scope:
    """Return a request's scope without the prefix in its path.

    Requests without the prefix, such as those of probes, stay as they are.

    >>> without_prefix({"path": "/sentiment/health"}, "/sentiment")
    {'path': '/health'}
    >>> without_prefix({"path": "/sentimental"}, "/sentiment")
    {'path': '/sentimental'}
    """
    path: str = scope["path"]
    if path != prefix and not path.startswith(f"{prefix}/"):
        return scope
    return {**scope, "path": path.removeprefix(prefix) or "/"}
