"""Counter, Gauge and Histogram that buffer in memory, and are bounded.

Prometheus' client takes 2 µs to write a number to a file that several processes share: too much for
a dozen numbers in each request of 300 µs. So these buffer numbers and write them to the client once
a second. Call them from the thread of the event loop only. See docs/decisions/0016.

A new series needs room on the disk. Where there is none, its numbers are dropped.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from adapters.observability.metrics_folder import make_room

OTHER = "other"
"""The label value of all values that have no series of their own."""

_MAX_LENGTH = 100
_MAX_SERIES = 1000

M = TypeVar("M", bound=MetricWrapperBase)


class Instrument(Protocol):
    """A metric: its description, its buffer, and its flush to Prometheus' client."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    def flush(self) -> None:
        """Write what was buffered since the last flush."""


class Bounded:
    """Map values of a label to themselves, as long as there are at most `most`, else to OTHER."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Return the value to use as a label."""
        if value not in self._known:
            if len(self._known) == self._most or len(value) > _MAX_LENGTH:
                return OTHER
            self._known.add(value)
        return value


class _Described:
    """Name, meaning and labels of a metric."""

    kind: str

    def __init__(self, name: str, meaning: str, labels: Sequence[str]) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels)


class _Series(Generic[M]):
    """The series of a metric by label values; past the bound, further ones share one series."""

    def __init__(self, metric: M, labels: int) -> None:
        self._metric = metric
        self._others = (OTHER,) * labels
        self._series: dict[tuple[str, ...], M] = {}

    def get(self, values: tuple[str, ...]) -> M | None:
        """Return a series; None if it is new and the disk is full."""
        if values not in self._series:
            if len(self._series) >= _MAX_SERIES and values != self._others:
                return self.get(self._others)
            if values and not make_room():
                return None
            self._series[values] = self._metric.labels(*values) if values else self._metric
        return self._series[values]


class Counter(_Described):
    """A counter. The series in `start` exist from the beginning, with 0."""

    kind = "counter"

    def __init__(
        self,
        registry: CollectorRegistry | None,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        start: Iterable[Sequence[str]] = (),
    ) -> None:
        super().__init__(name, meaning, labels)
        self._series = None
        if registry:
            metric = prometheus_client.Counter(name, meaning, self.labels, registry=registry)
            self._series = _Series(metric, len(self.labels))
        self._new: dict[tuple[str, ...], float] = {}
        for values in start:
            self.add(*values, amount=0)

    def add(self, *values: str, amount: float = 1) -> None:
        """Increase the series with these label values."""
        if self._series is not None:
            self._new[values] = self._new.get(values, 0) + amount

    def flush(self) -> None:
        """Write what was counted since the last flush."""
        new, self._new = self._new, {}
        for values, amount in new.items():
            if self._series is not None and (series := self._series.get(values)):
                series.inc(amount)


class _BulkHistogram(prometheus_client.Histogram):
    """A histogram that takes many numbers at once."""

    def observe_all(self, values: Sequence[float]) -> None:
        """Do the same as `observe` for each value, with one write for each bucket."""
        places = Tally(bisect_left(self._upper_bounds, value) for value in values)
        for place, number in places.items():
            self._buckets[place].inc(number)
        self._sum.inc(sum(values))


class Histogram(_Described):
    """A histogram."""

    kind = "histogram"

    def __init__(
        self,
        registry: CollectorRegistry | None,
        name: str,
        meaning: str,
        buckets: Sequence[float],
        labels: Sequence[str] = (),
    ) -> None:
        super().__init__(name, meaning, labels)
        self._series = None
        if registry:
            metric = _BulkHistogram(name, meaning, self.labels, buckets=buckets, registry=registry)
            self._series = _Series(metric, len(self.labels))
        self._new: dict[tuple[str, ...], list[float]] = {}

    def observe(self, number: float, *values: str) -> None:
        """Add a number to the series with these label values."""
        if self._series is not None:
            self._new.setdefault(values, []).append(number)

    def observe_all(self, numbers: Iterable[float], *values: str) -> None:
        """Add several numbers to the series with these label values."""
        if self._series is not None:
            self._new.setdefault(values, []).extend(numbers)

    def flush(self) -> None:
        """Write what was observed since the last flush."""
        new, self._new = self._new, {}
        for values, numbers in new.items():
            if self._series is not None and (series := self._series.get(values)):
                series.observe_all(numbers)


class Gauge(_Described):
    """A gauge, summed over all live worker processes."""

    kind = "gauge"

    def __init__(
        self,
        registry: CollectorRegistry | None,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
    ) -> None:
        super().__init__(name, meaning, labels)
        self._series = None
        if registry:
            metric = prometheus_client.Gauge(
                name, meaning, self.labels, registry=registry, multiprocess_mode="livesum"
            )
            self._series = _Series(metric, len(self.labels))
        self._values: dict[tuple[str, ...], float] = {}
        self._changed: set[tuple[str, ...]] = set()

    def add(self, amount: float, *values: str) -> None:
        """Raise or lower the value for these label values."""
        if self._series is not None:
            self._values[values] = self._values.get(values, 0) + amount
            self._changed.add(values)

    def flush(self) -> None:
        """Write the values that have changed since the last flush."""
        changed, self._changed = self._changed, set()
        for values in changed:
            if self._series is not None and (series := self._series.get(values)):
                series.set(self._values[values])
