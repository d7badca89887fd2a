"""Execute the shell commands in the README and on the pages.

Commands that are not executed here are listed with the test that executes the same ones, or with
the reason why no test does.
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
    "test_make_serve_serves_the_shipped_model_and_writes_only_into_its_folder",
    "export SENTIMENT_MODEL": "tests/e2e/test_make.py::"
    "test_make_serve_serves_the_model_of_the_settings",
    "SENTIMENT_CLASSIFIER": "tests/e2e/test_own_model.py::"
    "test_predictions_have_label_studios_format",
    "make bento": "tests/e2e/test_make.py::test_make_bento_builds_one_in_the_data_folder",
    "tracing.yaml make serve": "tests/e2e/test_seeing.py::"
    "test_the_stages_of_a_request_are_child_spans_without_metrics_too",
    "make train": "tests/integration/test_training_killed.py::"
    "test_a_training_killed_repeatedly_leaves_a_whole_artifact_or_none",
    "label-studio start": "tests/e2e/test_label_studio.py::"
    "test_a_submitted_annotation_sends_an_event_that_is_acknowledged",
    "api/webhooks/": "tests/e2e/test_label_studio_auth.py::"
    "test_events_arrive_after_the_documented_header_is_set",
    "Uncertainty sampling": "tests/e2e/test_doctor.py::"
    "test_the_documented_command_makes_the_label_stream_show_the_lowest_score_first",
    "preannotate project 12 --dry-run": "tests/e2e/test_preannotate_project.py::"
    "test_many_tasks_get_one_prediction_each_despite_kills",
    "preannotate active 12": "tests/e2e/test_budget.py::"
    "test_the_label_stream_begins_with_what_teaches_most",
    **{
        f"preannotate {verb} 12": "tests/e2e/test_budget.py::"
        "test_wrong_annotations_are_reviewed_and_sure_predictions_accepted"
        for verb in ("status", "review", "accept")
    },
    "SENTIMENT_WITHHOLD": "tests/integration/test_protocol.py::"
    "test_predictions_of_a_share_of_the_tasks_have_a_score_and_no_answer",
    "preannotate doctor": "tests/e2e/test_preannotate_project.py::"
    "test_the_doctor_reports_a_working_backend_as_fine",
    "--ray-address": "tests/integration/test_preannotate_ray.py::"
    "test_a_cluster_that_loses_a_node_writes_the_output_of_one_machine",
    "s3://": "tests/integration/test_preannotate_stores.py::"
    "test_parts_are_objects_and_stale_ones_are_removed",
    "db.internal": "tests/e2e/test_replicas.py::"
    "test_a_change_reaches_all_replicas_within_two_seconds_and_fails_no_request",
}
"""Part of a block -> the test that does the same with other files or at another address."""

NOT_EXECUTED = {
    "docker compose": "it needs an engine for containers",
    "docker run": "the same; tests/e2e/test_bento.py runs the command in the image's Bento",
    "make bench-bulk": "it takes minutes on a machine without other work",
    "kubectl": "it needs a cluster; `make check` validates the files",
}
"""Part of a block -> the reason why no test runs it."""

HERE = {
    # Commands in two documents are executed once.
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


def prints_a_version(_: Path, printed: str) -> None:
    assert re.fullmatch(r"sentiment-cnn:[0-9a-f]{16}\n", printed)


CHECKS: dict[str, Callable[[Path, str], None]] = {
    "/classify": answers_positive,
    "examples/reviews.csv": writes_a_hundred_tasks,
    "--part-size": writes_a_part_and_a_file,
    "model_store evaluate": writes_a_report,
    "--state-dict": prints_a_version,
}
"""Part of a block -> a check of its folder and its output."""


@pytest.fixture
def workplace(tmp_path: Path, make_classifier: ClassifierFactory) -> Workplace:
    """A folder for the commands, with the files that earlier commands have made."""
    made = Workplace(tmp_path)
    artifact.save(tmp_path / ".data/my-model", make_classifier(), training={}, metrics={})
    write_archive(tmp_path / "vocab_obj.pt", vocabulary_pickle(TOKENS))
    write_state_dict(tmp_path / "cnn.pt")
    return made


@pytest.mark.parametrize("item", HERE.values(), ids=str)
def test_the_commands_have_their_documented_effect(
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
def test_every_entry_belongs_to_a_block_of_a_document(part: str) -> None:
    assert [item for item in blocks() if part in item.text]


@pytest.mark.parametrize("name", sorted(set(OTHER_TESTS.values())))
def test_the_tests_that_execute_the_other_blocks_exist(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
