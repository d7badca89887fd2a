"""Which versions serve a project, and how a worker switches between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Engine

from model_store.errors import DatabaseError, ModelNotReadyError, UnknownVersionError
from model_store.model.classifier import Classifier
from model_store.serving import deployments
from model_store.serving import registry as registries
from model_store.serving.deployments import DeploymentLog, Entry
from model_store.serving.registry import Registry, Version
from tests.conftest import ClassifierFactory

NOTICE = 0.6


@pytest.fixture(autouse=True)
def short_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "NOTICE_SECONDS", NOTICE)


class Clock:
    """A machine's clock, which stands still, can be set back, and has run since its start."""

    def __init__(self) -> None:
        self.now = 1e9
        self.set_back_by = 0.0

    def wall(self) -> float:
        return self.now - self.set_back_by

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", made.wall)
    monkeypatch.setattr(registries, "monotonic", made.monotonic)
    return made


class Shelf:
    """Versions that can be loaded, and a record of the loads."""

    def __init__(self, make: ClassifierFactory) -> None:
        self.classifiers = {f"a:{n}": make(seed=n) for n in range(5)}
        self.loaded: list[str] = []
        self.errors: dict[str, Exception] = {}

    def load(self, name: str) -> Classifier:
        self.loaded.append(name)
        if name in self.errors:
            raise self.errors[name]
        if name not in self.classifiers:
            raise UnknownVersionError(name)
        return self.classifiers[name]


@pytest.fixture
def shelf(make_classifier: ClassifierFactory) -> Shelf:
    return Shelf(make_classifier)


@asynccontextmanager
async def serving(
    log: DeploymentLog, shelf: Shelf, models: tuple[str, ...] = (), *, ensemble: bool = False
) -> AsyncIterator[Registry]:
    registry = Registry(
        log, shelf.load, shelf.classifiers.__contains__, models=models, ensemble=ensemble
    )
    await registry.start(Version("a:0", shelf.classifiers["a:0"]))
    try:
        yield registry
    finally:
        await registry.stop()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def run(database: Engine, scenario: Callable[[DeploymentLog], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario(DeploymentLog(database))

    asyncio.run(main())


def test_a_project_without_training_gets_the_default(database: Engine, shelf: Shelf) -> None:
    async def scenario(log: DeploymentLog) -> None:
        log.activate("1.1", "a:1", by="test")
        async with serving(log, shelf) as registry:
            await until(lambda: registry.deployment("1.1").name == "a:1")
            assert registry.deployment("2.1").name == "a:0"
            assert registry.deployment(None).name == "a:0"
            assert registry.names() == ["a:0", "a:1"]

    run(database, scenario)


def test_all_workers_load_first_and_switch_at_the_same_time(
    database: Engine, shelf: Shelf, clock: Clock
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        async with serving(log, shelf) as one, serving(log, shelf) as other:
            entry = log.activate("1.1", "a:1", by="test")
            await until(lambda: shelf.loaded == ["a:1", "a:1"])
            for now, name in ((entry.effective_at - 0.001, "a:0"), (entry.effective_at, "a:1")):
                clock.now = now
                assert [worker.deployment("1.1").name for worker in (one, other)] == [name] * 2
            assert shelf.loaded == ["a:1", "a:1"], "a request must not load a version"

    run(database, scenario)


def test_at_the_start_only_the_last_version_of_a_project_is_loaded(
    database: Engine, shelf: Shelf, clock: Clock
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        for name in ("a:1", "a:9", "a:2"):
            log.activate("1.1", name, by="test")
        log.activate("2.1", "a:3", by="test")
        clock.now += 10
        coming = log.activate("1.1", "a:4", by="test")
        async with serving(log, shelf) as registry:
            assert shelf.loaded == ["a:2", "a:3", "a:4"]
            assert registry.deployment("1.1").name == "a:2"
            assert registry.deployment("2.1").name == "a:3"
            clock.now = coming.effective_at
            assert registry.deployment("1.1").name == "a:4"

    run(database, scenario)


def test_a_deployment_stays_when_the_clock_is_set_back(
    database: Engine, shelf: Shelf, clock: Clock
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        async with serving(log, shelf) as running:
            log.activate("1.1", "a:1", by="test")
            await until(lambda: shelf.loaded == ["a:1"])
            clock.set_back_by = 7200
            clock.now += NOTICE
            assert running.deployment("1.1").name == "a:1"
            async with serving(log, shelf) as restarted:
                assert restarted.deployment("1.1").name == "a:1"

    run(database, scenario)


def test_an_entry_of_a_machine_whose_clock_is_ahead_takes_effect_after_the_usual_notice(
    database: Engine, shelf: Shelf, clock: Clock
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        async with serving(log, shelf) as running:
            clock.set_back_by = -3600
            log.activate("1.1", "a:1", by="test")
            clock.set_back_by = 0
            await until(lambda: shelf.loaded == ["a:1"])
            assert running.deployment("1.1").name == "a:0"
            clock.now += 1.0  # deployments.NOTICE_SECONDS
            assert running.deployment("1.1").name == "a:1"

    run(database, scenario)


def test_a_version_that_cannot_be_loaded_does_not_block_the_next(
    database: Engine, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        async with serving(log, shelf) as registry:
            shelf.errors["a:1"] = FileNotFoundError("weights")
            log.activate("1.1", "a:1", by="test")
            log.activate("1.1", "a:2", by="test")
            await until(lambda: registry.deployment("1.1").name == "a:2")

    run(database, scenario)
    assert "Cannot load version a:1, predicting without it: weights" in caplog.text


def test_the_log_is_read_again_after_a_failure(
    database: Engine, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        since = log.since
        fails = [DatabaseError("of the tests", "it is gone"), OSError("broken"), OSError("broken")]

        def sometimes(last_id: int) -> list[Entry]:
            if fails:
                raise fails.pop()
            return since(last_id)

        async with serving(log, shelf) as registry:
            setattr(log, "since", sometimes)
            log.activate("1.1", "a:1", by="test")
            await until(lambda: registry.deployment("1.1").name == "a:1")

    run(database, scenario)
    assert caplog.text.count("Cannot read the deployment log") == 1


def test_the_default_serves_if_a_version_cannot_be_loaded(
    database: Engine, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(log: DeploymentLog) -> None:
        log.activate("1.1", "a:9", by="test")
        async with serving(log, shelf) as registry:
            await asyncio.sleep(NOTICE)
            assert registry.deployment("1.1").name == "a:0"

    run(database, scenario)
    assert "Cannot load version a:9" in caplog.text


def test_several_models_predict_in_the_order_chosen(database: Engine, shelf: Shelf) -> None:
    async def scenario(log: DeploymentLog) -> None:
        log.activate("1.1", "a:2", by="test")
        log.choose("1.1", ["a:1", "active", "a:1"], ensemble=True)
        async with serving(log, shelf) as registry:
            await asyncio.sleep(NOTICE)
            deployment = registry.deployment("1.1")
            assert [version.name for version in deployment.versions] == ["a:1", "a:2"]
            assert deployment.names[:2] == ["a:1", "a:2"]
            assert str(deployment.ensemble).startswith("ensemble:")
            assert registry.chosen("1.1") == (("a:1", "active", "a:1"), True)
            assert registry.chosen("2.1") == ((), False)

    run(database, scenario)


def test_the_server_sets_the_models_of_other_projects(database: Engine, shelf: Shelf) -> None:
    async def scenario(log: DeploymentLog) -> None:
        async with serving(log, shelf, ("active", "a:3"), ensemble=True) as registry:
            assert registry.deployment("1.1").names[:2] == ["a:0", "a:3"]
            log.choose("1.1", ["a:4"], ensemble=False)
            await until(lambda: registry.deployment("1.1").names == ["a:4"])
            assert registry.deployment("2.1").ensemble is not None

    run(database, scenario)


def test_it_knows_which_names_a_project_can_choose(database: Engine, shelf: Shelf) -> None:
    async def scenario(log: DeploymentLog) -> None:
        async with serving(log, shelf) as registry:
            assert registry.knows("active")
            assert registry.knows("a:0")
            assert registry.knows("a:4")
            assert not registry.knows("a:9")

    run(database, scenario)


def test_no_deployment_before_the_start_and_after_the_stop(database: Engine, shelf: Shelf) -> None:
    async def scenario(log: DeploymentLog) -> None:
        registry = Registry(log, shelf.load, shelf.classifiers.__contains__)
        with pytest.raises(ModelNotReadyError):
            registry.deployment(None)
        await registry.start(Version("a:0", shelf.classifiers["a:0"]))
        assert registry.deployment(None).name == "a:0"
        await registry.stop()
        with pytest.raises(ModelNotReadyError):
            registry.deployment(None)

    run(database, scenario)
