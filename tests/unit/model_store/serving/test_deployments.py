"""The deployment log: activation, choice of models and rollback."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from model_store.errors import NoEarlierVersionError
from model_store.serving.deployments import NOTICE_SECONDS, DeploymentLog, latest


@pytest.fixture
def log(database: Engine) -> DeploymentLog:
    return DeploymentLog(database)


def test_a_change_takes_effect_after_its_notice(log: DeploymentLog) -> None:
    before = log.activate("1.1", "a:1", by="training")
    after = log.activate("1.1", "a:2", by="training", reason="job 3")
    assert before.effective_at + 5 > after.effective_at >= before.effective_at
    assert log.since(0) == [before, after]
    assert log.since(before.id) == [after]
    assert NOTICE_SECONDS < 2


def test_projects_do_not_touch_each_other(log: DeploymentLog) -> None:
    log.activate("1.1", "a:1", by="training")
    log.activate("2.1", "a:2", by="training")
    log.activate("1.1", "a:3", by="training")
    assert {key: entry.version for key, entry in latest(log.since(0)).items()} == {
        "1.1": "a:3",
        "2.1": "a:2",
    }


def test_the_choice_of_models_and_the_active_version_are_independent(log: DeploymentLog) -> None:
    log.choose("1.1", ["active", "a:1"], ensemble=True)
    entry = log.activate("1.1", "a:2", by="training")
    assert (entry.version, entry.models, entry.ensemble) == ("a:2", ("active", "a:1"), True)
    entry = log.choose("1.1", [], ensemble=False)
    assert (entry.version, entry.models, entry.ensemble) == ("a:2", (), False)


def test_rollback_goes_back_step_by_step_to_the_model_of_the_start(log: DeploymentLog) -> None:
    versions = {None, "a:1", "a:2", "a:3"}
    for version in ("a:1", "a:2", "a:3"):
        log.activate("1.1", version, by="training")
    gone = [log.rollback("1.1", by="me", available=versions).version for _ in range(3)]
    assert gone == ["a:2", "a:1", None]
    with pytest.raises(NoEarlierVersionError, match=r"Project 1\.1 has no earlier version"):
        log.rollback("1.1", by="me", available=versions)


def test_a_second_rollback_restores_the_version_before_the_promotion(log: DeploymentLog) -> None:
    versions = {None, "a:1", "a:2", "a:3"}
    log.activate("1.1", "a:1", by="training")
    log.activate("1.1", "a:2", by="training")
    log.rollback("1.1", by="me", available=versions)
    log.activate("1.1", "a:3", by="training")
    assert log.rollback("1.1", by="me", available=versions).version == "a:1"


def test_a_version_promoted_twice_can_be_rolled_back(
    log: DeploymentLog,
) -> None:
    versions = {None, "a:1", "a:2"}
    for version in ("a:1", "a:2", "a:1"):
        log.activate("1.1", version, by="me")
    gone = [log.rollback("1.1", by="me", available=versions).version for _ in range(3)]
    assert gone == ["a:2", "a:1", None]


def test_rollback_skips_deleted_versions(log: DeploymentLog) -> None:
    for version in ("a:1", "a:2", "a:3"):
        log.activate("1.1", version, by="training")
    assert log.rollback("1.1", by="me", available={None, "a:1", "a:3"}).version == "a:1"


def test_concurrent_changes_are_all_kept_in_one_order(log: DeploymentLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = [f"a:{number}" for number in range(40)]
        entries = list(pool.map(lambda name: log.activate("1.1", name, by="test"), names))
    kept = log.since(0)
    assert sorted(entries, key=lambda entry: entry.id) == kept
    assert {entry.version for entry in kept} == set(names)


def test_the_same_choice_again_adds_no_entry(log: DeploymentLog) -> None:
    first = log.choose("1.1", ["active", "a:1"], ensemble=True)
    assert log.choose("1.1", ["active", "a:1"], ensemble=True) == first
    after = log.activate("1.1", "a:2", by="training")
    assert log.choose("1.1", ["active", "a:1"], ensemble=True) == after
    log.choose("1.1", ["active", "a:1"], ensemble=False)
    log.choose("2.1", ["active", "a:1"], ensemble=False)
    assert len(log.since(0)) == 4


def test_a_choice_made_many_times_at_once_is_one_entry(log: DeploymentLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: log.choose("1.1", ["a:1"], ensemble=False), range(24)))
    assert len(log.since(0)) == 1
