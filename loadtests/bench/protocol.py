"""What the two servers to compare with need of Label Studio's ML-backend protocol."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from defusedxml.ElementTree import fromstring


@dataclass(frozen=True)
class Control:
    """Where a project's texts are, and where its predictions go."""

    from_name: str
    to_name: str
    data_key: str


@lru_cache
def parse(label_config: str) -> Control:
    """The first Choices control of a labeling config, and the object it is about."""
    tags = list(fromstring(label_config).iter())
    choices = next(tag for tag in tags if tag.tag == "Choices")
    text = next(tag for tag in tags if tag.get("name") == choices.attrib["toName"])
    key = text.attrib["value"].removeprefix("$")
    return Control(choices.attrib["name"], choices.attrib["toName"], key)


def prediction(control: Control, label: str, score: float) -> dict[str, Any]:
    """The prediction of one task, as `/predict` answers it."""
    region = {
        "id": "1000",
        "from_name": control.from_name,
        "to_name": control.to_name,
        "type": "choices",
        "value": {"choices": [label]},
        "score": score,
    }
    return {"result": [region], "score": score, "model_version": "SentimentCNN 1"}
