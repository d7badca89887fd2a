"""The load is that since the last look."""

import pytest
from prometheus_client import CollectorRegistry

from adapters.console.load import LoadMeter
from adapters.observability.metrics import Metrics


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("adapters.console.load.time.monotonic", lambda: now[0])
    return now


def test_rates_and_times_are_those_since_the_last_look(clock: list[float]) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.name_service("bento", "1", "service")
    meter = LoadMeter()

    def look(*seconds: float, status: int = 200) -> None:
        for each in seconds:
            metrics.began("/predict")
            metrics.ended("/predict", status, each)
        metrics.flush()
        clock[0] += 10

    look(*[0.001] * 19, 3.0)
    first = meter.read(registry.collect())
    assert first.per_second == 2.0
    assert first.median is not None
    assert first.slow is not None
    assert 0.001 <= first.median <= first.slow < 3.0
    look(3.0, status=503)
    second = meter.read(registry.collect())
    assert second.per_second == pytest.approx(0.1)
    assert second.median is not None
    assert second.median >= 3.0
    assert (first.failed, second.failed) == (0, 1)


def test_a_look_in_the_same_second_finds_the_same(clock: list[float]) -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    meter = LoadMeter()
    clock[0] += 5
    first = meter.read(registry.collect())
    clock[0] += 0.5
    assert meter.read(registry.collect()) is first
    assert first.median is None
    assert first.slow is None


def test_setups_and_agreement_are_counted() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.name_service("bento", "1", "service")
    metrics.began("/setup")
    metrics.ended("/setup", 200, 0.01)
    metrics.compared({("one", True): 3, ("one", False): 1})
    metrics.flush()
    load = LoadMeter().read(registry.collect())
    assert load.setups == 1
    assert load.agreement == {"one": (3, 4)}
