"""The scenarios that start their own servers: start, workers, limits and memory."""

import json
import time
from contextlib import suppress
from math import inf

import gevent

from loadtests.answers import problem_of_predictions
from loadtests.bodies import annotation_created_bodies, predict_bodies
from loadtests.clients import (
    BATCH,
    Annotator,
    BatchCaller,
    Flood,
    Impatient,
    OneTimeAnnotator,
    Onlooker,
    Submitter,
)
from loadtests.connection import CallError, call
from loadtests.figures import ScenarioFigures, ratio_of
from loadtests.load import Crowd, Load
from loadtests.memory import logged_memory
from loadtests.stage import Stage

WARM_UP_SECONDS = 3.0
"""Time at the start that is not counted: not all workers are ready yet."""

_PEAK_SECONDS = 15.0
_GIVE_UP_SECONDS = 60.0
_RETRY_SECONDS = 0.1

_SETTLED_SECONDS = 300.0
_WINDOW_SECONDS = 60.0


def burst(stage: Stage) -> ScenarioFigures:
    """Let a hundred annotators open a task as soon as a new server accepts connections."""
    with stage.start_server() as server:
        load = Load(server.url, {OneTimeAnnotator: 100})
        server.wait_until_open()
        load.run(stage.seconds)
        load.stop()
    return stage.conclude([load])


def scaling(stage: Stage) -> ScenarioFigures:
    """Measure the throughput that a second worker adds, and its start-up time and memory.

    All requests are large: with two cores, the clients compete with the workers.
    """
    loads, ready_seconds, megabytes = {}, {}, {}
    for workers in (1, 2):
        label = f"workers {workers}"
        started = time.monotonic()
        with stage.start_server({"SENTIMENT_WORKERS": str(workers)}, label=label) as server:
            server.wait_until_ready()
            ready_seconds[workers] = time.monotonic() - started
            loads[workers] = Load(server.url, {BatchCaller: 4}, label=label)
            loads[workers].run(stage.seconds, warm_up=WARM_UP_SECONDS)
            megabytes[workers] = server.pss() / 1e6
            loads[workers].stop()
    return stage.conclude(
        list(loads.values()),
        two_workers_to_one=ratio_of(loads[2].tasks_per_second(), loads[1].tasks_per_second()),
        ready_seconds=ready_seconds[2],
        megabytes_of_second_worker=megabytes[2] - megabytes[1],
    )


def overload(stage: Stage) -> ScenarioFigures:
    """Send four times as many tasks as the server can predict.

    The peak is measured before and after, because the speed of the machine may change.
    """
    with stage.start_server() as server:
        server.wait_until_ready()
        before = Load(server.url, {BatchCaller: 4}, label="peak before")
        with logged_memory(server) as memory_at_peak:
            before.run(_PEAK_SECONDS, warm_up=WARM_UP_SECONDS)
        before.stop()

        class FourfoldPeak(Flood):
            rate = max(4 * before.tasks_per_second() / BATCH, 1)

        load = Load(server.url, {FourfoldPeak: 1, Onlooker: 5})
        with logged_memory(server) as memory:
            load.run(stage.seconds)
        stopping = gevent.spawn(load.stop)
        recovery_seconds = _seconds_until_predicted(server.url)
        stopping.join()
        after = Load(server.url, {BatchCaller: 4}, label="peak after")
        after.run(_PEAK_SECONDS, warm_up=WARM_UP_SECONDS)
        after.stop()
    peak = (before.tasks_per_second() + after.tasks_per_second()) / 2
    growth = memory.median_between(stage.seconds / 2, inf) / memory_at_peak.median_between(
        WARM_UP_SECONDS, inf
    )
    requests = [route for route in load.routes() if route.route.startswith("/predict")]
    offered = BATCH * sum(route.requests_per_second for route in requests)
    return stage.conclude(
        [before, load, after],
        offered_to_peak=ratio_of(offered, peak),
        served_to_peak=ratio_of(load.tasks_per_second(), peak),
        memory_growth=growth - 1,
        recovery_seconds=recovery_seconds,
    )


def training(stage: Stage) -> ScenarioFigures:
    """Compare the same traffic without training jobs and during training jobs."""
    crowd: Crowd = {Annotator: 10, BatchCaller: 1, Submitter: 20}
    with stage.start_server() as server:
        server.wait_until_ready()
        for body in annotation_created_bodies():
            call(server.url, "POST", "/webhook", body, patience=_GIVE_UP_SECONDS)
        without = Load(server.url, crowd, label="without")
        without.run(stage.seconds, warm_up=WARM_UP_SECONDS)
        without.stop()
        during = Load(server.url, {**crowd, Impatient: 1}, label="during")
        during.run(stage.seconds, warm_up=WARM_UP_SECONDS)
        during.stop()
        jobs = json.loads(call(server.url, "GET", "/jobs", patience=_GIVE_UP_SECONDS).body)["jobs"]
    return stage.conclude(
        [without, during],
        during_to_without=ratio_of(during.tasks_per_second(), without.tasks_per_second()),
        trainings=sum(job["state"] in ("promoted", "refused") for job in jobs),
    )


def soak(crowd: Crowd, stage: Stage) -> ScenarioFigures:
    """Run a crowd long enough to reveal a memory leak."""
    settled = min(_SETTLED_SECONDS, stage.seconds / 2)
    window = min(_WINDOW_SECONDS, stage.seconds / 4)
    with stage.start_server() as server:
        server.wait_until_ready()
        load = Load(server.url, crowd)
        with logged_memory(server) as memory:
            load.run(stage.seconds)
        load.stop()
    growth = memory.median_between(stage.seconds - window, inf) / memory.median_between(
        settled, settled + window
    )
    return stage.conclude([load], memory_growth=growth - 1)


def _seconds_until_predicted(url: str) -> float:
    """Retry a request of one task; return the seconds until the server predicts it."""
    started = time.monotonic()
    body = predict_bodies(1)[0]
    while time.monotonic() - started < _GIVE_UP_SECONDS:
        with suppress(*CallError):
            answer = call(url, "POST", "/predict", body, patience=_GIVE_UP_SECONDS)
            if answer.is_ok and not problem_of_predictions(answer.body, 1):
                break
        gevent.sleep(_RETRY_SECONDS)
    return time.monotonic() - started
