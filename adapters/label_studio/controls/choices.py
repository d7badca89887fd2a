"""The `<Choices>` tag: the annotator takes one of the listed choices."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from adapters.label_studio.controls.control import Control, NotServedError, Option


class Choices(Control):
    """A Choices control whose choices are listed in the labeling config."""

    tag = "Choices"
    region_type = "choices"

    @staticmethod
    def read_options(element: Element) -> Sequence[Option]:
        """Return the choices; raise NotServedError if the task lists them instead."""
        if element.get("value"):
            raise NotServedError("takes its choices from the task: list them in the config")
        # The tag of a comment is a function.
        children = [child for child in element.iter() if isinstance(child.tag, str)]
        choices = [child for child in children if child.tag.lower() == "choice"]
        return [_option(choice) for choice in choices if choice.get("value")]

    @staticmethod
    def value_of(answer: str) -> dict[str, Any]:
        """Return `{"choices": [answer]}`."""
        return {"choices": [answer]}

    @staticmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return all choices taken; None if they are not a list of strings."""
        choices = value.get("choices")
        if isinstance(choices, list) and set(map(type, choices)) <= {str}:
            return tuple(choices)
        return None


def _option(choice: Element) -> Option:
    value, alias = choice.get("value", ""), choice.get("alias", "")
    predicted = choice.get("predicted_values", "").split(",")
    # Label Studio stores the alias of a choice that has one.
    return Option(alias or value, value, alias, tuple(name.strip() for name in predicted))
