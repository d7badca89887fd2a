"""Examples of bodies for the OpenAPI document, by path: short, complete, and valid."""

from collections.abc import Mapping
from typing import Any

_PROJECT = "1.1795547700"
_VERSION = "sentiment-cnn:0bd9c79f263c7b68"
_CONFIG = (
    '<View><Text name="text" value="$review"/><Choices name="sentiment" toName="text">'
    '<Choice value="Positive"/><Choice value="Negative"/></Choices></View>'
)
_REGION = {
    "from_name": "sentiment",
    "to_name": "text",
    "type": "choices",
    "value": {"choices": ["Positive"]},
}
_TASK = {"id": 7, "data": {"review": "A wonderful film."}}
_JOB = {
    "id": "5f2b8a50c7e14b55a2f0c1b7d2f3c6a1",
    "project": _PROJECT,
    "state": "promoted",
    "stage": "done",
    "progress": 1.0,
    "created_at": "2026-11-26T09:00:00Z",
    "started_at": "2026-11-26T09:00:01Z",
    "ended_at": "2026-11-26T09:00:09Z",
    "version": _VERSION,
    "reasons": [],
    "metrics": {},
}

REQUESTS: Mapping[str, Any] = {
    "/setup": {"project": _PROJECT, "schema": _CONFIG},
    "/predict": {"tasks": [_TASK], "project": _PROJECT, "label_config": _CONFIG},
    "/webhook": {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 1, "created_at": "2026-11-25T19:15:00Z", "label_config": _CONFIG},
        "task": _TASK,
        "annotation": {
            "id": 12,
            "task": 7,
            "result": [{"id": "a1", **_REGION}],
            "updated_at": "2026-11-26T09:00:00Z",
        },
    },
}

ANSWERS: Mapping[str, Any] = {
    "/": {"status": "UP", "model_class": "SentimentCNN"},
    "/health": {"status": "UP", "model_class": "SentimentCNN"},
    "/setup": {"model_version": _VERSION, "controls": ["sentiment"], "problems": []},
    "/predict": {
        "results": [
            {
                "result": [{"id": "0a1b2c3d4e", **_REGION, "score": 0.97}],
                "score": 0.97,
                "model_version": _VERSION,
            }
        ]
    },
    "/versions": {"versions": [_VERSION]},
    "/webhook": {
        "status": "received",
        "action": "ANNOTATION_CREATED",
        "detail": "Stored: 1 changes of annotations.",
    },
    "/jobs": {"jobs": [_JOB]},
    "/jobs/{job_id}": _JOB,
}
