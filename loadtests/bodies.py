"""Make the request bodies of Label Studio 1.23 once, so that a client only sends them.

They have all fields that Label Studio sends, also those that the backend ignores.
"""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

from loadtests.reviews import corpus_folder, read_reviews

TASK_COUNTS = (1, 100, 1000)
"""Numbers of tasks in a request."""

_REVIEWS = 4000
_ANNOTATIONS = 2000
_TASKS_IN_ALL = 4000
"""Total of tasks in all bodies of one size: 4,000 bodies of 1 task, 4 of 1,000."""

_CONFIG = (Path(__file__).parents[1] / "examples/labeling_interface.xml").read_text("utf-8")
_PROJECT = 20
_PROJECT_UID = f"{_PROJECT}.1795453317"
_TIME = "2026-11-23T17:01:57.641841Z"


def prepare() -> None:
    """Make all bodies, so that no client waits for them."""
    setup_body()
    annotation_created_bodies()
    for task_count in TASK_COUNTS:
        predict_bodies(task_count)


@cache
def setup_body() -> bytes:
    """Return the body of `POST /setup`."""
    return _encode(
        {
            "project": _PROJECT_UID,
            "schema": _CONFIG,
            "hostname": "http://localhost:8080",
            "access_token": "0" * 40,
            "extra_params": None,
        }
    )


@cache
def predict_bodies(task_count: int) -> tuple[bytes, ...]:
    """Return bodies of `POST /predict` with `task_count` tasks each."""
    source = random.Random(task_count)
    return tuple(
        _encode(
            {
                "tasks": [
                    _task(number, review)
                    for number, review in enumerate(source.sample(_reviews(), task_count), start=1)
                ],
                "project": _PROJECT_UID,
                "label_config": _CONFIG,
                "params": {"login": None, "password": None, "context": None},
            }
        )
        for _ in range(_TASKS_IN_ALL // task_count)
    )


@cache
def annotation_created_bodies() -> tuple[bytes, ...]:
    """Return bodies of `POST /webhook` for submitted annotations."""
    return tuple(
        _encode(
            {
                "action": "ANNOTATION_CREATED",
                "annotation": _annotation(number),
                "project": _project(),
                "task": _task(number, review) | {"is_labeled": True, "total_annotations": 1},
            }
        )
        for number, review in enumerate(_reviews()[:_ANNOTATIONS])
    )


@cache
def start_training_body() -> bytes:
    """Return the body of `POST /webhook` for Start Training."""
    return _encode({"action": "START_TRAINING", "project": _project()})


@cache
def _reviews() -> list[str]:
    return read_reviews(_REVIEWS, corpus_folder())


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _task(number: int, review: str) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"id": number, "review": review, "sentiment": "", "url": "http://example.com/1"},
        "meta": {},
        "created_at": _TIME,
        "updated_at": _TIME,
        "is_labeled": False,
        "overlap": 1,
        "inner_id": number,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": _PROJECT,
        "updated_by": None,
        "file_upload": 8,
        "comment_authors": [],
        "annotations": [],
        "predictions": [],
    }


def _annotation(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "result": [
            {
                "id": "a2",
                "from_name": "sentiment",
                "to_name": "text",
                "type": "choices",
                "value": {"choices": [("Negative", "Positive")[number % 2]]},
            }
        ],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": _TIME,
        "updated_at": _TIME,
        "lead_time": 3.2,
        "prediction": {},
        "result_count": 1,
        "unique_id": "00000000-0000-0000-0000-000000000000",
        "task": number,
        "project": _PROJECT,
        "completed_by": 1,
        "updated_by": 1,
        "parent_prediction": None,
        "parent_annotation": None,
    }


def _project() -> dict[str, Any]:
    return {
        "id": _PROJECT,
        "task_number": 3,
        "finished_task_number": 2,
        "total_predictions_number": 6,
        "total_annotations_number": 2,
        "title": "Reviews",
        "description": "",
        "label_config": _CONFIG,
        "expert_instruction": "",
        "show_instruction": False,
        "show_skip_button": True,
        "token": "0" * 40,
        "maximum_annotations": 1,
        "min_annotations_to_start_training": 0,
        "control_weights": {
            "sentiment": {
                "overall": 1.0,
                "type": "Choices",
                "labels": {"Positive": 1.0, "Negative": 1.0},
            }
        },
        "model_version": "sentiment backend",
        "data_types": {"review": "Text"},
        "created_at": _TIME,
        "updated_at": _TIME,
        "sampling": "Sequential sampling",
    }
