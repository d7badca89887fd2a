"""The load of the server, from its metrics: requests per second, latency, queue."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

_REQUESTS = "bentoml_service_request"
_DURATION = "bentoml_service_request_duration_seconds"
_ROUTES = ("/predict", "/classify")
"""Routes whose requests need the model."""
_LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """The load since the last look, or since the start."""

    seconds: float
    per_second: float
    """Requests that need the model."""
    median: float | None
    """Of their durations, in seconds; None without a request."""
    slow: float | None
    """The duration that 95 % of them stay below."""
    failed: int
    """Requests answered with 500 or more, since the start."""
    shed: int
    """Requests rejected because the queue was full, since the start."""
    queue: int
    """Tokens that wait or are being classified."""
    queue_limit: int
    setups: int
    """How often Label Studio asked for the version, since the start."""
    agreement: dict[str, tuple[int, int]]
    """New annotations that agree with each version, and all that were compared."""


class LoadMeter:
    """Compares the metrics with those of the last look."""

    def __init__(self) -> None:
        self._time = time.monotonic()
        self._seen: Counter[float] = Counter()
        self._load: Load | None = None

    def read(self, families: Iterable[Metric]) -> Load:
        """Return the load since the last look, at least a second ago."""
        seconds = time.monotonic() - self._time
        if self._load and seconds < _LEAST_SECONDS:
            return self._load
        totals: Counter[str] = Counter()
        buckets: Counter[float] = Counter()
        agreement: dict[str, tuple[int, int]] = {}
        for family in families:
            for name, labels, value, *_ in family.samples:
                endpoint = labels.get("endpoint", "")
                totals[name] += int(value)
                if name == f"{_DURATION}_bucket" and endpoint in _ROUTES:
                    buckets[float(labels["le"])] += int(value)
                elif name == f"{_REQUESTS}_total" and labels["http_response_code"] >= "500":
                    totals["failed"] += int(value)
                elif name == f"{_REQUESTS}_total" and endpoint == "/setup":
                    totals["setups"] += int(value)
                elif name == "sentiment_annotations_compared_total":
                    agree, compared = agreement.get(labels["version"], (0, 0))
                    agree += int(value) if labels["agrees"] == "true" else 0
                    agreement[labels["version"]] = agree, compared + int(value)
        new = {bound: count - self._seen[bound] for bound, count in sorted(buckets.items())}
        count = new.get(float("inf"), 0)
        self._load = Load(
            seconds,
            count / seconds,
            _quantile(new, 0.5),
            _quantile(new, 0.95),
            totals["failed"],
            totals["sentiment_requests_shed_total"],
            totals["sentiment_queue_tokens"],
            totals["sentiment_queue_limit_tokens"],
            totals["setups"],
            agreement,
        )
        self._time, self._seen = time.monotonic(), buckets
        return self._load


def _quantile(buckets: dict[float, int], share: float) -> float | None:
    """Return the upper bound of the bucket that a share of the observations stays below.

    >>> _quantile({0.1: 8, 0.5: 9, float("inf"): 10}, 0.5)
    0.1
    """
    total = buckets.get(float("inf"), 0)
    if not total:
        return None
    return next(bound for bound, count in buckets.items() if count >= share * total)
