"""Counters, histograms and gauges that cost next to nothing to write to, and are bounded.

Prometheus' client takes 2 µs for each number where several processes share its files, which is a
lot for a request of 300. So numbers are kept in memory, and written to the client once a second,
all at once. Everything here is for the thread of the event loop alone.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

OTHER = "other"
"""Stands for all values of a label that do not have a series of their own."""

_MAX_LENGTH = 100
_MAX_SERIES = 1000

M = TypeVar("M", bound=MetricWrapperBase)


class Instrument(Protocol):
    """A metric: what it is called, and how its numbers get to Prometheus."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    def flush(self) -> None:
        """Give the client what has come since the last time."""


class Bounded:
    """Values of a label: the first `most` ones keep their name, the rest are OTHER."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value to use as a label."""
        if value not in self._known:
            if len(self._known) == self._most or len(value) > _MAX_LENGTH:
                return OTHER
            self._known.add(value)
        return value


class _Described:
    """What all instruments have in common."""

    kind: str

    def __init__(self, name: str, meaning: str, labels: Sequence[str]) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels)


class _Series(Generic[M]):
    """The series of a metric by the values of its labels; those past the bound share one."""

    def __init__(self, metric: M, labels: int) -> None:
        self._metric = metric
        self._others = (OTHER,) * labels
        self._series: dict[tuple[str, ...], M] = {}

    def __getitem__(self, values: tuple[str, ...]) -> M:
        if values not in self._series:
            if len(self._series) >= _MAX_SERIES and values != self._others:
                return self[self._others]
            self._series[values] = self._metric.labels(*values) if values else self._metric
        return self._series[values]


class Count(_Described):
    """A counter. Series named by `start` are there, as 0, from the beginning."""

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
        self._series = (
            _Series(Counter(name, meaning, self.labels, registry=registry), len(self.labels))
            if registry
            else None
        )
        self._new: dict[tuple[str, ...], float] = {}
        for values in start:
            self.add(*values, amount=0)

    def add(self, *values: str, amount: float = 1) -> None:
        """Count for these values of the labels."""
        if self._series is not None:
            self._new[values] = self._new.get(values, 0) + amount

    def flush(self) -> None:
        """Give the client what has come since the last time."""
        new, self._new = self._new, {}
        for values, amount in new.items():
            assert self._series is not None
            self._series[values].inc(amount)


class _BulkHistogram(Histogram):
    """One that takes many numbers at once."""

    def observe_all(self, values: Sequence[float]) -> None:
        """The same as `observe` for each of them."""
        places = Tally(bisect_left(self._upper_bounds, value) for value in values)
        for place, number in places.items():
            self._buckets[place].inc(number)
        self._sum.inc(sum(values))


class Distribution(_Described):
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
        self._series = (
            _Series(
                _BulkHistogram(name, meaning, self.labels, buckets=buckets, registry=registry),
                len(self.labels),
            )
            if registry
            else None
        )
        self._new: dict[tuple[str, ...], list[float]] = {}

    def add(self, value: float, *values: str) -> None:
        """One number, for these values of the labels."""
        if self._series is not None:
            self._new.setdefault(values, []).append(value)

    def add_all(self, numbers: Iterable[float], *values: str) -> None:
        """Several numbers, for these values of the labels."""
        if self._series is not None:
            self._new.setdefault(values, []).extend(numbers)

    def flush(self) -> None:
        """Give the client what has come since the last time."""
        new, self._new = self._new, {}
        for values, numbers in new.items():
            assert self._series is not None
            self._series[values].observe_all(numbers)


class Level(_Described):
    """A gauge: the sum over all worker processes that live. Set `value` or `values`."""

    kind = "gauge"

    def __init__(
        self,
        registry: CollectorRegistry | None,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
    ) -> None:
        super().__init__(name, meaning, labels)
        self._gauge = (
            Gauge(name, meaning, self.labels, registry=registry, multiprocess_mode="livesum")
            if registry
            else None
        )
        self._values: dict[tuple[str, ...], float] = {}
        self._changed: set[tuple[str, ...]] = set()

    def add(self, amount: float, *values: str) -> None:
        """Raise or lower the level."""
        if self._gauge is not None:
            self._values[values] = self._values.get(values, 0) + amount
            self._changed.add(values)

    def flush(self) -> None:
        """Give the client the levels as they are."""
        changed, self._changed = self._changed, set()
        for values in changed:
            assert self._gauge is not None
            (self._gauge.labels(*values) if values else self._gauge).set(self._values[values])
