"""Metrics are exact and bounded, and cost nothing when they are off."""

import subprocess
import sys
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.learning.jobs import State
from adapters.observability.instruments import OTHER, Bounded, Counter, Gauge, Histogram
from adapters.observability.metrics import STATES, Metrics
from model_store.model.stages import Batch


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_a_counter_is_written_by_a_flush() -> None:
    registry = CollectorRegistry()
    count = Counter(registry, "films_total", "Films.", ("kind",))
    count.add("war")
    count.add("war", amount=2)
    assert value(registry, "films_total", kind="war") is None
    count.flush()
    count.flush()
    assert value(registry, "films_total", kind="war") == 3


def test_a_histogram_equals_that_of_prometheus_client() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    numbers = [0.0, 0.1, 0.10001, 0.5, 1.0, 7.0]
    buckets = (0.1, 0.5, 1.0)
    histogram = Histogram(ours, "score", "Scores.", buckets)
    histogram.observe(numbers[0])
    histogram.observe_all(numbers[1:])
    histogram.flush()
    reference = prometheus_client.Histogram("score", "Scores.", buckets=buckets, registry=theirs)
    for number in numbers:
        reference.observe(number)

    def samples(registry: CollectorRegistry) -> list[str]:
        return [
            line
            for line in generate_latest(registry).decode().splitlines()
            if "_created" not in line
        ]

    assert samples(ours) == samples(theirs)


def test_a_gauge_goes_up_and_down() -> None:
    registry = CollectorRegistry()
    level = Gauge(registry, "queue", "Queue.")
    level.add(5)
    level.add(-2)
    level.flush()
    assert value(registry, "queue") == 3


def test_values_beyond_the_bound_are_other() -> None:
    bounded = Bounded(2)
    assert [bounded(name) for name in ("a", "b", "c", "a")] == ["a", "b", OTHER, "a"]


def test_a_long_value_is_other() -> None:
    assert Bounded(2)("x" * 101) == OTHER


def test_the_number_of_series_is_bounded() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for number in range(300):
        found = {(f"label {number}", f"version {v}"): 1 for v in range(300)}
        metrics.predicted(str(number), found, [0.5])
    metrics.flush()
    series = [
        sample
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "sentiment_predictions_total"
    ]
    assert len(series) <= 1001
    assert sum(sample.value for sample in series) == 300 * 300


def test_an_unknown_action_is_other() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.event("START_TRAINING")
    metrics.event("MAKE_COFFEE")
    metrics.flush()
    name = "sentiment_webhook_events_total"
    assert value(registry, name, action="START_TRAINING") == 1
    assert value(registry, name, action="other") == 1


def test_a_batch_is_observed_with_its_stages() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.batch(Batch(texts=3, tokens=50, waits=[0.1, 0.2], tokenizing=0.01, model=0.03))
    metrics.flush()
    assert value(registry, "sentiment_batch_texts_sum") == 3
    assert value(registry, "sentiment_batch_tokens_sum") == 50
    assert value(registry, "sentiment_stage_seconds_count", stage="queue") == 2
    assert value(registry, "sentiment_stage_seconds_sum", stage="model") == pytest.approx(0.03)


def test_a_comparison_counts_by_version() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.compared({("v1", True): 3, ("v1", False): 1})
    metrics.flush()
    name = "sentiment_annotations_compared_total"
    assert value(registry, name, version="v1", agrees="true") == 3
    assert value(registry, name, version="v1", agrees="false") == 1


def test_every_state_of_a_job_but_queued_has_a_series() -> None:
    assert {*STATES} == {*State} - {State.QUEUED}


def test_disabled_metrics_buffer_nothing() -> None:
    metrics = Metrics()
    metrics.predicted("1", {("Positive", "v1"): 1}, [0.9])
    metrics.batch(Batch(texts=1, tokens=1, waits=[0.1], tokenizing=0.1, model=0.1))
    metrics.queue_tokens.add(3)
    for instrument in metrics.instruments:
        assert not any(
            vars(instrument)[name] for name in vars(instrument) if name in ("_new", "_values")
        )
    metrics.flush()


def test_the_metrics_of_several_processes_are_summed(tmp_path: Path) -> None:
    told = (
        "from prometheus_client import REGISTRY;"
        "from adapters.observability.metrics import Metrics;"
        "m = Metrics(REGISTRY); m.predicted('1', {('Positive', 'v1'): 2}, [0.9, 0.9]); m.flush()"
    )
    seen = (
        "from prometheus_client import CollectorRegistry, generate_latest, multiprocess;"
        "r = CollectorRegistry(); multiprocess.MultiProcessCollector(r);"
        "print(generate_latest(r).decode())"
    )
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    root = Path(__file__).parents[4]
    for _ in range(2):
        subprocess.run([sys.executable, "-c", told], check=True, env=environment, cwd=root)
    answer = subprocess.run(
        [sys.executable, "-c", seen], check=True, env=environment, cwd=root, capture_output=True
    ).stdout.decode()
    assert 'sentiment_predictions_total{label="Positive",project="1",version="v1"} 4.0' in answer
    assert "sentiment_prediction_score_count 4.0" in answer
