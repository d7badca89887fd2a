"""The controls that show which words speak for an answer: `<Labels>` and `<HyperTextLabels>`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.label_studio.editor.tags import Tag

_OBJECTS = {"labels": "text", "hypertextlabels": "hypertext"}
"""The object that each tag is for."""
_NAME = "evidence"
_OPPOSING = "against"


@dataclass(frozen=True)
class EvidenceControl:
    """A control of the labeling config for the words that speak for an answer."""

    name: str
    to_name: str
    region_type: str
    """`labels` or `hypertextlabels`."""
    labels: tuple[str, ...]

    def label_for(self, option: str) -> str:
        """Return the label of the words that speak for an option.

        It is the label of the same name, else the first that says evidence, else the first.
        """
        if option in self.labels:
            return option
        speaking = (label for label in self.labels if _OPPOSING not in label.casefold())
        return next((label for label in speaking if _NAME in label.casefold()), self.labels[0])

    def label_against(self, option: str, other: str | None) -> str | None:
        """Return the label of the words that speak against an option; None if they have none.

        other: the option that they speak for instead.
        """
        if option in self.labels:
            return other if other in self.labels else None
        return next((label for label in self.labels if _OPPOSING in label.casefold()), None)


def find_controls(tags: Iterable[Tag], objects: Mapping[str, Tag]) -> dict[str, EvidenceControl]:
    """Return the first evidence control of each Text or HyperText object, by the object's name.

    It is one whose name, or the value of a label in it, contains the word evidence.
    """
    found: dict[str, EvidenceControl] = {}
    for tag in tags:
        to_name = tag.get("toName", "")
        shows = objects.get(to_name)
        if shows is None or _OBJECTS.get(tag.tag) != shows.tag or to_name in found:
            continue
        labels = tuple(
            label.get("alias", "") or label.get("value", "")
            for label in tag.iter("label")
            if label.get("value")
        )
        name = tag.get("name", "")
        if labels and any(_NAME in each.casefold() for each in (name, *labels)):
            found[to_name] = EvidenceControl(name, to_name, tag.tag, labels)
    return found
