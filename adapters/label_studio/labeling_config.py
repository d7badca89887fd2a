"""Which controls of a labeling config the model can fill in, and why not the others.

Not Label Studio's SDK parser: see docs/decisions/0004.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

_OBJECTS = ("text", "hypertext")


@dataclass(frozen=True)
class ChoicesControl:
    """A Choices control that the model can fill in."""

    name: str
    to_name: str
    data_key: str
    """The key of `task["data"]` that holds the text; dots lead into nested objects."""
    is_html: bool
    choices: Mapping[str, str]
    """For each label of the model, what Label Studio stores when that choice is taken."""


@dataclass(frozen=True)
class LabelingConfig:
    """What the model can do for one labeling config."""

    controls: tuple[ChoicesControl, ...]
    problems: tuple[str, ...]
    """For each Choices control that is not served, or for the config as a whole: what is wrong
    and what would work, in one sentence."""


class _NotServedError(Exception):
    """Why a control is not served; never leaves this module."""


@lru_cache(maxsize=256)
def parse(xml: str, labels: tuple[str, ...]) -> LabelingConfig:
    """Find the controls of a labeling config that a model with these labels can fill in.

    Never raises: a config that cannot be read has no controls and one problem.
    """
    try:
        root = fromstring(xml)
    except ParseError as error:
        line, column = error.position
        return _unusable(
            f"The labeling config is not well-formed XML (line {line}, column {column}): "
            "correct it in Settings, Labeling Interface."
        )
    except (DefusedXmlException, ValueError):
        return _unusable("The labeling config declares XML entities: write it without them.")
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    objects = {
        element.get("name", ""): element for element in elements if _tag(element) in _OBJECTS
    }
    controls: list[ChoicesControl] = []
    problems: list[str] = []
    for element in elements:
        if _tag(element) == "choices":
            try:
                controls.append(_control(element, objects, labels))
            except _NotServedError as reason:
                problems.append(f'The Choices control "{element.get("name", "")}" {reason}.')
    if not controls and not problems:
        return _unusable(
            "The labeling config has no Choices control: add one whose toName is a Text object, "
            f"with the choices {_listed(labels)}."
        )
    return LabelingConfig(tuple(controls), tuple(problems))


def _control(
    element: Element, objects: Mapping[str, Element], labels: tuple[str, ...]
) -> ChoicesControl:
    if not (name := element.get("name")):
        raise _NotServedError("has no name: give it one")
    targets = [target.strip() for target in element.get("toName", "").split(",")]
    to_name = next((target for target in targets if target in objects), None)
    if to_name is None:
        raise _NotServedError(
            f'has toName="{element.get("toName", "")}", which is no Text or HyperText object of '
            "this config: point it at one"
        )
    if "true" in (element.get("perRegion"), element.get("perItem")):
        raise _NotServedError("is per region or per item: only whole texts are classified")
    if element.get("value"):
        raise _NotServedError("takes its choices from the task: list them in the config")
    target = objects[to_name]
    value = target.get("value", "")
    if not value.startswith("$") or not value[1:].strip():
        raise _NotServedError(
            f'is on "{to_name}", whose value="{value}" names no field of the task: '
            "write $ and the field's name"
        )
    if target.get("valueType") == "url":
        raise _NotServedError(
            f'is on "{to_name}", which is loaded from a URL: put the text into the task itself'
        )
    return ChoicesControl(
        name=name,
        to_name=to_name,
        data_key=value[1:].strip(),
        is_html=_tag(target) == "hypertext",
        choices=_match(_choices(element), labels),
    )


def _match(choices: list[Mapping[str, str]], labels: tuple[str, ...]) -> dict[str, str]:
    """Pair every label with a choice of its own; the first rule that finds one decides."""
    left = list(choices)
    matched: dict[str, str] = {}
    for label in labels:
        rules = (
            lambda choice, label=label: label in _split(choice.get("predicted_values", "")),
            lambda choice, label=label: choice["value"] == label,
            lambda choice, label=label: choice["value"].casefold() == label.casefold(),
            lambda choice, label=label: choice.get("alias", "").casefold() == label.casefold(),
        )
        found = next((choice for rule in rules for choice in left if rule(choice)), None)
        if found is not None:
            left.remove(found)
            # Label Studio stores the alias of a choice where it has one.
            matched[label] = found.get("alias") or found["value"]
    if len(matched) < len(labels) or left:
        raise _NotServedError(
            f"offers {_listed(choice['value'] for choice in choices)}, but the model knows "
            f"{_listed(labels)}: offer exactly these, or name them in predicted_values"
        )
    return matched


def _choices(element: Element) -> list[Mapping[str, str]]:
    return [
        child.attrib
        for child in element.iter()
        if isinstance(child.tag, str) and _tag(child) == "choice" and child.get("value")
    ]


def _tag(element: Element) -> str:
    """Label Studio's front end reads tag names without regard to case."""
    return element.tag.lower()


def _split(values: str) -> list[str]:
    return [value.strip() for value in values.split(",")]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _unusable(problem: str) -> LabelingConfig:
    return LabelingConfig((), (problem,))
