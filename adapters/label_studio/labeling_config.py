"""Which controls of a labeling config a model can fill in, and why not the others.

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
    """A Choices control on a text."""

    name: str
    to_name: str
    data_key: str
    """The key of `task["data"]` that holds the text; dots lead into nested objects."""
    is_html: bool
    options: tuple[str, ...]
    """What Label Studio stores when a choice is taken, for each of them."""
    choices: Mapping[str, str]
    """For each label of the model, the option that stands for it; empty if the labels are others,
    and the control has to be learned."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The label of the model for each option; empty if the control has to be learned."""
        return {option: label for label, option in self.choices.items()}


@dataclass(frozen=True)
class LabelingConfig:
    """What a model can do for one labeling config."""

    controls: tuple[ChoicesControl, ...]
    """Those that it can fill in."""
    unknown: tuple[ChoicesControl, ...]
    """Those with other choices than it knows: it could learn them."""
    problems: tuple[str, ...]
    """For each Choices control that is not served, or for the config as a whole: what is wrong
    and what would work, in one sentence."""


@dataclass(frozen=True)
class Labels:
    """What a model can say: of any control, and of those that it was trained for."""

    default: tuple[str, ...]
    by_control: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, control: str) -> tuple[str, ...]:
        """The labels for a control."""
        return dict(self.by_control).get(control, self.default)


class _NotServedError(Exception):
    """Why a control is not served; never leaves this module."""


@lru_cache(maxsize=256)
def parse(xml: str, labels: Labels) -> LabelingConfig:
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
    known: list[ChoicesControl] = []
    unknown: list[ChoicesControl] = []
    problems: list[str] = []
    for element in elements:
        if _tag(element) == "choices":
            try:
                control = _control(element, objects, labels)
            except _NotServedError as reason:
                problems.append(f'The Choices control "{element.get("name", "")}" {reason}.')
            else:
                (known if control.choices else unknown).append(control)
    problems += [_unknown(control, labels) for control in unknown]
    if not known and not problems:
        return _unusable(
            "The labeling config has no Choices control: add one whose toName is a Text object, "
            f"with the choices {_listed(labels.default)}."
        )
    return LabelingConfig(tuple(known), tuple(unknown), tuple(problems))


def _unknown(control: ChoicesControl, labels: Labels) -> str:
    return (
        f'The Choices control "{control.name}" offers {_listed(control.options)}, but the model '
        f"knows {_listed(labels.of(control.name))}: offer exactly these, name them in "
        "predicted_values, or annotate tasks and press Start Training."
    )


def _control(element: Element, objects: Mapping[str, Element], labels: Labels) -> ChoicesControl:
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
    choices = _choices(element)
    options = tuple(map(_stored, choices))
    if len(set(options)) < max(len(options), 2):
        raise _NotServedError(
            f"offers {_listed(options)}: it needs two choices or more, each of its own"
        )
    return ChoicesControl(
        name=name,
        to_name=to_name,
        data_key=value[1:].strip(),
        is_html=_tag(target) == "hypertext",
        options=options,
        choices=_match(choices, labels.of(name)) or _match(choices, labels.default),
    )


def _match(choices: list[Mapping[str, str]], labels: tuple[str, ...]) -> dict[str, str]:
    """Pair every label with a choice of its own; the first rule that finds one decides.

    Nothing, if a label or a choice is left.
    """
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
            matched[label] = _stored(found)
    return matched if len(matched) == len(labels) and not left else {}


def _stored(choice: Mapping[str, str]) -> str:
    """Label Studio stores the alias of a choice where it has one."""
    return choice.get("alias") or choice["value"]


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
    return LabelingConfig((), (), (problem,))
