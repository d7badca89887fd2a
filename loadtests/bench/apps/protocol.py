"""The part of Label Studio's ML-backend protocol that the two other servers need."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from defusedxml.ElementTree import fromstring


@dataclass(frozen=True)
class Control:
    """The names that locate a project's texts and predictions."""

    from_name: str
    to_name: str
    data_key: str


@lru_cache
def parse(label_config: str) -> Control:
    """Return the first Choices control of a labeling config, with the object it refers to."""
    tags = list(fromstring(label_config).iter())
    choices = next(tag for tag in tags if tag.tag == "Choices")
    text = next(tag for tag in tags if tag.get("name") == choices.attrib["toName"])
    key = text.attrib["value"].removeprefix("$")
    return Control(choices.attrib["name"], choices.attrib["toName"], key)


def prediction(control: Control, label: str, score: float) -> dict[str, Any]:
    """Return the prediction of one task in the format of `/predict`."""
    region = {
        "id": "1000",
        "from_name": control.from_name,
        "to_name": control.to_name,
        "type": "choices",
        "value": {"choices": [label]},
        "score": score,
    }
    return {"result": [region], "score": score, "model_version": "SentimentCNN 1"}
