"""Limit the work of a worker: the size of a body, the bytes of all, and the tokens queued."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from adapters.observability.metrics import Metrics

RETRY_AFTER_SECONDS = 5
"""The Retry-After of a request that was rejected with 503."""

SMALL_BODY_BYTES = 1024 * 1024
"""Size of a body for which a worker keeps some of its budget."""

_BYTES_PER_TOKEN = 5


@dataclass(frozen=True)
class Limits:
    """Bounds on a single request."""

    body_bytes: int
    """Larger bodies are refused with 413."""
    seconds: float
    """Seconds until a request whose response has not begun is cancelled and answered with 504."""
    body_bytes_of: Mapping[str, int] = field(default_factory=dict)
    """The bounds of paths that need less than `body_bytes`."""


class BodyBudget:
    """Bound the bytes of all bodies that a worker holds, finished or not.

    A single body can have `body_bytes`. Once all have as many, larger ones are refused; a third of
    `body_bytes` more is for bodies of at most `SMALL_BODY_BYTES`, so that large uploads do not keep
    small requests out.
    """

    def __init__(self, body_bytes: int) -> None:
        self._most = body_bytes
        self._most_with_small = body_bytes + -(-body_bytes // 3)
        self._bytes = 0

    def add(self, size: int, whole: int) -> bool:
        """Count bytes of a body that has `whole` so far; return whether the worker can hold them.

        They count until `remove`, also if it cannot.
        """
        self._bytes += size
        return self._bytes <= (self._most_with_small if whole <= SMALL_BODY_BYTES else self._most)

    def remove(self, size: int) -> None:
        """Stop counting the bytes of a body."""
        self._bytes -= size


class Admission:
    """Load shedding: bound the tokens that are queued or running on some paths.

    The tokens of a request are estimated from the size of its body, before it is parsed. Once
    requests with `max_tokens` together are queued or running, further ones are refused. A request
    counts for a quarter of `max_tokens` at most, so that a single large one does not keep all
    others out.
    """

    def __init__(
        self, paths: Collection[str], *, max_tokens: int, metrics: Metrics | None = None
    ) -> None:
        self.paths = frozenset(paths)
        self._max_tokens = max_tokens
        self._most = -(-max_tokens // 4)
        self._tokens = 0
        self._metrics = metrics or Metrics()
        self._metrics.queue_limit.add(max_tokens)

    def is_full(self) -> bool:
        """Return whether a request must be refused now, and count the refusal."""
        if self._tokens < self._max_tokens:
            return False
        self._metrics.shed.add()
        return True

    def enter(self, body_bytes: int) -> int:
        """Count a request as queued; return its tokens, to be given to `leave`."""
        tokens = min(body_bytes // _BYTES_PER_TOKEN + 1, self._most)
        self._count(tokens, 1)
        return tokens

    def leave(self, tokens: int) -> None:
        """Count a request as done."""
        self._count(-tokens, -1)

    def _count(self, tokens: int, requests: int) -> None:
        self._tokens += tokens
        self._metrics.queue_tokens.add(tokens)
        self._metrics.queue_requests.add(requests)
