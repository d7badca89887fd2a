"""Which version a project of Label Studio shows, and how the server changes it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from adapters.label_studio import shown_version as module
from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.project_api import ProjectApi, Versions
from adapters.label_studio.shown_version import Showing, ShownVersions, showing
from model_store.serving.registry import Deployment, Registry, Version
from tests.conftest import ClassifierFactory

CREATED = "2026-11-23T17:01:57Z"
PROJECT = "7.1795453317"
TITLE = "My model"
OLD, NEW = "cnn:1", "cnn:2"


@pytest.mark.parametrize(
    ("shown", "counts", "state"),
    [
        (NEW, {}, Showing.SERVED),
        (TITLE, {}, Showing.UNPREDICTED),
        (TITLE, {OLD: 9}, Showing.UNPREDICTED),
        ("", {NEW: 1}, Showing.BEHIND),
        (TITLE, {NEW: 1}, Showing.BEHIND),
        (OLD, {OLD: 9}, Showing.UNPREDICTED),
        (OLD, {OLD: 9, NEW: 8}, Showing.PARTLY_PREDICTED),
        (OLD, {OLD: 9, NEW: 9}, Showing.BEHIND),
        ("llm:3", {"llm:3": 1, NEW: 9}, Showing.FOREIGN),
        ("Another model", {NEW: 9}, Showing.FOREIGN),
        ("by hand", {"by hand": 9, NEW: 9}, Showing.FOREIGN),
    ],
)
def test_what_a_project_shows_is_compared_with_the_version_that_serves_it(
    shown: str, counts: Mapping[str, int], state: Showing
) -> None:
    backends = {TITLE: NEW, "Another model": "llm:3"}
    assert showing(Versions(shown, counts, backends), NEW) is state


class LabelStudio:
    """One project: the version that it shows, and its predictions."""

    def __init__(self) -> None:
        self.shown = TITLE
        self.counts: dict[str, int] = {}
        self.error: Exception | None = None
        self.requests = 0

    def project(self, number: int) -> Mapping[str, Any]:
        self.requests += 1
        if self.error:
            raise self.error
        return {"id": number, "created_at": CREATED, "label_config": "<View/>", "task_number": 8}

    def versions(self, _: object) -> Versions:
        return Versions(self.shown, self.counts, {TITLE: OLD})

    def show_version(self, _: int, version: str) -> None:
        self.shown = version


class World:
    """A Label Studio, the version that serves its project, and the server's checks."""

    def __init__(self, make_classifier: ClassifierFactory) -> None:
        self.label_studio = LabelStudio()
        self._make = make_classifier
        self.serve(OLD)
        self.checks = ShownVersions(cast("Registry", self), cast("ProjectApi", self.label_studio))

    def serve(self, version: str) -> None:
        self._deployment = Deployment((Version(version, self._make()),))

    def deployment(self, _: str) -> Deployment:
        return self._deployment

    def run(self, scenario: Callable[[], Any]) -> None:
        async def all_of_it() -> None:
            self.checks.start()
            await scenario()
            await self.checks.stop()

        asyncio.run(all_of_it())

    async def until_shown(self, version: str) -> None:
        await until(lambda: self.label_studio.shown == version)

    async def until_asked(self, times: int) -> None:
        await until(lambda: self.label_studio.requests >= times)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


@pytest.fixture
def world(make_classifier: ClassifierFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(module, "_TICK_SECONDS", 0.001)
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "_LAST_PAUSE_SECONDS", 0.01)
    return World(make_classifier)


def test_a_version_is_shown_when_half_of_the_tasks_have_its_predictions(world: World) -> None:
    async def scenario() -> None:
        world.checks.notice(PROJECT)
        for predicted in ({}, {OLD: 3}):  # The label stream still predicts the other tasks.
            world.label_studio.counts = predicted
            await world.until_asked(world.label_studio.requests + 3)
            assert world.label_studio.shown == TITLE
        world.label_studio.counts = {OLD: 4}
        await world.until_shown(OLD)

    world.run(scenario)


def test_a_promoted_version_is_shown_when_it_has_as_many_predictions(world: World) -> None:
    async def scenario() -> None:
        world.label_studio.counts = {OLD: 8}
        world.checks.notice(PROJECT)
        await world.until_shown(OLD)
        world.serve(NEW)
        world.label_studio.counts = {OLD: 8, NEW: 7}
        await world.until_asked(world.label_studio.requests + 3)
        assert world.label_studio.shown == OLD
        world.label_studio.counts = {OLD: 8, NEW: 8}
        await world.until_shown(NEW)

    world.run(scenario)


def test_a_version_of_another_model_stays_shown(world: World) -> None:
    async def scenario() -> None:
        world.label_studio.shown = "llm:3"
        world.label_studio.counts = {OLD: 8, "llm:3": 8}
        world.checks.notice(PROJECT)
        await world.until_asked(1)
        await asyncio.sleep(0.05)
        assert (world.label_studio.shown, world.label_studio.requests) == ("llm:3", 1)

    world.run(scenario)


@pytest.mark.parametrize(
    "error", [ClientError("Label Studio is down.", is_passing=True), ClientError("Wrong key.")]
)
def test_a_failure_is_logged_once_and_tried_again(
    world: World, error: ClientError, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        world.label_studio.error = error
        world.label_studio.counts = {OLD: 8}
        world.checks.notice(PROJECT)
        await world.until_asked(3)
        world.label_studio.error = None
        await world.until_shown(OLD)

    caplog.set_level(logging.INFO)
    world.run(scenario)
    failures = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [str(error) in record.message for record in failures] == [True]
    assert not any(record.exc_info for record in failures)


def test_a_project_of_another_label_studio_is_left_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        world.label_studio.counts = {OLD: 8}
        world.checks.notice("7.1")
        await world.until_asked(1)
        await asyncio.sleep(0.05)
        assert (world.label_studio.shown, world.label_studio.requests) == (TITLE, 1)

    world.run(scenario)
    assert "LABEL_STUDIO_URL names another Label Studio" in caplog.text


def test_projects_that_are_made_up_do_not_keep_out_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_PROJECTS", 10)

    async def scenario() -> None:
        world.label_studio.error = ClientError("no such project")
        for number in range(30):
            world.checks.notice(f"{number}.1")
        await world.until_asked(10)
        world.label_studio.error = None
        world.label_studio.counts = {OLD: 8}
        world.checks.notice(PROJECT)
        await world.until_shown(OLD)

    world.run(scenario)


def test_without_access_to_label_studio_the_server_gives_advice(
    monkeypatch: pytest.MonkeyPatch, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    registry = cast("Registry", world)
    assert world.checks.advice(OLD) == []
    for url in ("", "label-studio:8080"):
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0e2e" * 10)
        without = ShownVersions.of_environment(registry)
        without.notice(PROJECT)
        (advice,) = without.advice(OLD)
        assert f"choose {OLD} under Settings, Annotation, Prelabeling" in advice
    assert "LABEL_STUDIO_URL must be an address" in caplog.text
