"""Run the shell blocks of the README and of the pages.

A block that cannot run here is listed with the test that runs its command, or with the reason why
no test does.
"""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx
import pytest

from model_store import artifact
from tests.conftest import ClassifierFactory
from tests.e2e.commands import Block, Workplace, blocks
from tests.e2e.conftest import StartBackend
from tests.e2e.servers import ROOT
from tests.tutorial_files import TOKENS, vocabulary_pickle, write_archive, write_state_dict

OTHER_TESTS = {
    "make serve        #": "tests/e2e/test_make.py::"
    "test_make_serve_serves_the_model_that_ships_and_writes_into_its_folder_alone",
    "export SENTIMENT_MODEL": "tests/e2e/test_make.py::"
    "test_make_serve_serves_the_model_that_the_settings_name",
    "make bento": "tests/e2e/test_make.py::test_make_bento_builds_one_in_the_data_folder",
    "tracing.yaml make serve": "tests/e2e/test_seeing.py::"
    "test_the_stages_of_a_request_are_spans_below_its_own",
    "make train": "tests/integration/test_training_killed.py::"
    "test_a_training_killed_again_and_again_ends_in_an_artifact_and_never_in_half_of_one",
    "label-studio start": "tests/e2e/test_label_studio.py::"
    "test_a_submitted_annotation_is_announced_and_acknowledged",
    "api/webhooks/": "tests/e2e/test_label_studio_auth.py::"
    "test_events_arrive_once_the_webhook_is_given_the_header_as_documented",
    "preannotate --project 12 --dry-run": "tests/e2e/test_preannotate_project.py::"
    "test_two_thousand_tasks_have_one_prediction_each_however_often_it_is_killed",
    "preannotate doctor": "tests/e2e/test_preannotate_project.py::"
    "test_the_doctor_finds_nothing_wrong_where_nothing_is",
    "--ray-address": "tests/integration/test_preannotate_ray.py::"
    "test_a_cluster_that_loses_a_node_half_way_writes_what_this_machine_alone_does",
    "s3://": "tests/integration/test_preannotate_stores.py::"
    "test_parts_are_objects_and_those_of_an_earlier_run_are_removed",
    "db.internal": "tests/e2e/test_replicas.py::"
    "test_a_change_is_seen_by_all_replicas_within_two_seconds_and_fails_no_request",
}
"""Part of a block -> the test that runs its command on other files or at another address."""

NOT_EXECUTED = {
    "docker compose": "it needs an engine for containers",
    "docker run": "the same; tests/e2e/test_bento.py does it in the Bento that is in the image",
    "make bench-bulk": "it takes minutes, and needs the machine for itself",
    "kubectl": "it needs a cluster; `make check` holds the files against the schemas",
}
"""Part of a block -> the reason why no test runs it."""

HERE = {
    # The same commands in two documents are executed once.
    item.text: item
    for item in blocks()
    if not any(part in item.text for part in (*OTHER_TESTS, *NOT_EXECUTED))
}


def answers_positive(_: Path, printed: str) -> None:
    assert [item["label"] for item in json.loads(printed)["classifications"]] == ["Positive"]


def writes_a_hundred_tasks(folder: Path, _: str) -> None:
    assert len(json.loads((folder / "out.json").read_bytes())) == 100


def writes_a_part_and_a_file(folder: Path, _: str) -> None:
    assert len((folder / "out-00001.jsonl").read_bytes().splitlines()) == 4
    assert len(json.loads((folder / "out.json").read_bytes())) == 1


def writes_a_report(folder: Path, _: str) -> None:
    assert (folder / "report/report.html").exists()


def draws_a_plot(folder: Path, _: str) -> None:
    assert (folder / "out/active-learning.svg").exists()


def prints_a_version(_: Path, printed: str) -> None:
    assert re.fullmatch(r"sentiment-cnn:[0-9a-f]{16}\n", printed)


CHECKS: dict[str, Callable[[Path, str], None]] = {
    "/classify": answers_positive,
    "examples/reviews.csv": writes_a_hundred_tasks,
    "--part-size": writes_a_part_and_a_file,
    "model_store evaluate": writes_a_report,
    "model_store simulate": draws_a_plot,
    "--state-dict": prints_a_version,
}
"""Part of a block -> a check of the folder and of the output after the run."""


@pytest.fixture
def workplace(tmp_path: Path, make_classifier: ClassifierFactory) -> Workplace:
    """A folder with the files that earlier commands of the documents write."""
    made = Workplace(tmp_path)
    artifact.save(tmp_path / ".data/my-model", make_classifier(), training={}, metrics={})
    write_archive(tmp_path / "vocab_obj.pt", vocabulary_pickle(TOKENS))
    write_state_dict(tmp_path / "cnn.pt")
    return made


@pytest.mark.parametrize("item", HERE.values(), ids=str)
def test_the_commands_do_what_they_are_there_for(
    item: Block, workplace: Workplace, request: pytest.FixtureRequest
) -> None:
    if "curl" in item.text:
        backend: StartBackend = request.getfixturevalue("backend")
        workplace.serve(httpx.URL(backend().url).netloc.decode())
    printed = workplace.run(item)
    for part, check in CHECKS.items():
        if part in item.text:
            check(workplace.folder, printed)


@pytest.mark.parametrize("part", [*OTHER_TESTS, *NOT_EXECUTED, *CHECKS])
def test_what_is_said_of_a_block_is_said_of_one_that_is_there(part: str) -> None:
    assert [item for item in blocks() if part in item.text]


@pytest.mark.parametrize("name", sorted(set(OTHER_TESTS.values())))
def test_the_tests_that_execute_the_others_are_there(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
