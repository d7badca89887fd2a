"""Which versions are kept, listed, activated and deleted."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from model_store import artifact, store
from model_store.errors import AmbiguousProjectError, NoEarlierVersionError, UnknownVersionError
from model_store.serving.deployments import DeploymentLog
from model_store.serving.versions import promote, prune, rollback, table
from tests.conftest import ClassifierFactory

PROJECT = "1.1"


class World:
    """A store of versions, and a log."""

    def __init__(self, database: Engine, folder: Path, make: ClassifierFactory) -> None:
        self.log = DeploymentLog(database)
        self._folder = folder
        self._make = make
        self._count = 0

    def version(self, project: str | None = PROJECT, **metrics: object) -> str:
        """Return a new version, newer than all others."""
        self._count += 1
        directory = self._folder / f"artifact-{self._count}"
        training = {"created": f"2026-01-01T00:00:{self._count:02}", "examples": {}}
        artifact.save(
            directory,
            self._make(seed=self._count),
            training=training | ({"project": project} if project else {}),
            metrics=metrics,
        )
        return store.import_artifact(directory)

    def states(self) -> dict[str, str]:
        return {row.version: row.state for row in table(self.log)}


@pytest.fixture
def world(
    database: Engine, tmp_path: Path, home_store: Path, make_classifier: ClassifierFactory
) -> World:
    assert home_store.is_dir()
    return World(database, tmp_path, make_classifier)


def test_the_oldest_versions_of_a_project_are_deleted(world: World) -> None:
    old, *new = [world.version() for _ in range(3)]
    other, base = world.version("2.2"), world.version(None)
    assert prune(world.log, PROJECT, keep=2) == [old]
    assert set(store.versions()) == {*new, other, base}
    assert prune(world.log, PROJECT, keep=2) == []


def test_a_version_that_any_project_uses_is_kept(world: World) -> None:
    active, elsewhere, old, _ = [world.version() for _ in range(4)]
    world.log.activate(PROJECT, old, by="test")
    world.log.activate(PROJECT, active, by="test")
    world.log.activate("2.2", elsewhere, by="test")
    assert prune(world.log, PROJECT, keep=1) == [old]


def test_versions_that_a_project_chose_are_kept(world: World) -> None:
    asked, old, _ = [world.version() for _ in range(3)]
    world.log.choose("2.2", ["active", asked], ensemble=False)
    assert prune(world.log, PROJECT, keep=1) == [old]


def test_versions_in_the_settings_are_kept(world: World) -> None:
    used, old, _ = [world.version() for _ in range(3)]
    assert prune(world.log, PROJECT, keep=1, used=["active", used]) == [old]


def test_the_table_shows_the_state_of_each_version(world: World) -> None:
    was, is_now, refused, given_up = (
        world.version(),
        world.version(),
        world.version(refused=["Worse."]),
        world.version(),
    )
    base = world.version(None)
    world.log.activate(PROJECT, was, by="test")
    world.log.activate(PROJECT, is_now, by="test")
    assert world.states() == {
        was: "retired",
        is_now: "active",
        refused: "candidate",
        given_up: "candidate",
        base: "base",
    }


def test_a_shortened_tag_is_logged_in_full(world: World) -> None:
    version = world.version()
    for name in ("sentiment-cnn", "sentiment-cnn:latest", version, version.upper()):
        assert promote(world.log, name).version == version
    with pytest.raises(UnknownVersionError):
        promote(world.log, "sentiment-cnn:none")


@pytest.mark.parametrize(
    ("training", "metrics"),
    [
        ({"project": 3, "created": None, "examples": [1]}, {}),
        ({"project": PROJECT, "created": "2026-01-01"}, {"controls": [1]}),
        ({"packages": "all", "examples": {"a": "many"}}, {"controls": {"a": {"metrics": 1}}}),
        ({}, {"controls": {"a": {"metrics": {"candidate": {}}}}, "refused": 7}),
    ],
)
def test_one_odd_manifest_does_not_hide_the_other_versions(
    world: World,
    tmp_path: Path,
    make_classifier: ClassifierFactory,
    training: dict[str, Any],
    metrics: dict[str, Any],
) -> None:
    version = world.version()
    artifact.save(tmp_path / "odd", make_classifier(seed=7), training=training, metrics=metrics)
    odd = store.import_artifact(tmp_path / "odd")
    assert set(world.states()) == {version, odd}
    assert promote(world.log, odd, PROJECT).version == odd
    assert prune(world.log, PROJECT, keep=1) in ([], [version])


def test_the_number_of_a_project_is_enough_where_one_project_has_it(world: World) -> None:
    first, second = world.version("12.1795647959"), world.version("12.1795647959")
    for version in (first, second):
        assert promote(world.log, version, "12").project == "12.1795647959"
    assert rollback(world.log, "12").version == first
    world.version("1.5")
    other = world.version("12.5")
    with pytest.raises(AmbiguousProjectError, match=r"name one of 12\.1795647959, 12\.5"):
        promote(world.log, other, "12")
    assert promote(world.log, other, "12.5").project == "12.5"
    with pytest.raises(NoEarlierVersionError):
        rollback(world.log, "1")
