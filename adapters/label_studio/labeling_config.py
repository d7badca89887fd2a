"""Find the controls of a labeling config that a model can fill in, and report the others.

Does not use the parser of Label Studio's SDK: see docs/decisions/0004. What differs between the
tags is in `controls/`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from adapters.label_studio.controls import CONTROLS, Control, NotServedError, match

_OBJECTS = ("text", "hypertext")


@dataclass(frozen=True)
class LabelingConfig:
    """The controls of one labeling config, by whether a model can fill them in."""

    controls: tuple[Control, ...]
    """The controls that the model can fill in."""
    unknown: tuple[Control, ...]
    """The controls that offer other options than the model has labels: it can be trained for
    them."""
    problems: tuple[str, ...]
    """One sentence for each control that is not served, or for the whole labeling config: what is
    wrong and what to do."""


class _HasLabels(Protocol):
    @property
    def labels(self) -> tuple[str, ...]: ...


class _HasHeads(_HasLabels, Protocol):
    @property
    def heads(self) -> Mapping[str, _HasLabels]: ...


@dataclass(frozen=True)
class Labels:
    """The labels that a model knows: its default ones, and those of each control with a head."""

    default: tuple[str, ...]
    by_control: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of_model(cls, model: _HasHeads) -> Self:
        """Return the labels of a classifier, or of the manifest of an artifact."""
        heads = sorted(model.heads.items())
        return cls(model.labels, tuple((control, head.labels) for control, head in heads))

    def of(self, control: str) -> tuple[str, ...]:
        """Return the labels for a control."""
        return dict(self.by_control).get(control, self.default)


@lru_cache(maxsize=256)
def parse(xml: str, labels: Labels) -> LabelingConfig:
    """Find the controls of a labeling config that a model with these labels can fill in.

    Never raises: a labeling config that cannot be read has no controls and one problem.
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
    # The tag of a comment is a function.
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    objects = {
        element.get("name", ""): element for element in elements if _tag(element) in _OBJECTS
    }
    known: list[Control] = []
    unknown: list[Control] = []
    problems: list[str] = []
    for element in elements:
        if kind := CONTROLS.get(_tag(element)):
            try:
                control = _read(kind, element, objects, labels)
            except NotServedError as reason:
                problems.append(f'The {kind.tag} control "{element.get("name", "")}" {reason}.')
            else:
                (known if control.option_of else unknown).append(control)
    problems += [_must_be_trained(control, labels) for control in unknown]
    if not known and not problems:
        tags = " or ".join(kind.tag for kind in CONTROLS.values())
        return _unusable(
            f"The labeling config has no {tags} control: add one whose toName is a Text object, "
            f"with the choices {_listed(labels.default)}."
        )
    return LabelingConfig(tuple(known), tuple(unknown), tuple(problems))


def _must_be_trained(control: Control, labels: Labels) -> str:
    return (
        f'The {control.tag} control "{control.name}" offers {_listed(control.options)}, but the '
        f"model knows {_listed(labels.of(control.name))}: offer exactly these, name them in "
        "predicted_values, or annotate tasks and press Start Training."
    )


def _read(
    kind: type[Control], element: Element, objects: Mapping[str, Element], labels: Labels
) -> Control:
    if not (name := element.get("name")):
        raise NotServedError("has no name: give it one")
    targets = [target.strip() for target in element.get("toName", "").split(",")]
    to_name = next((target for target in targets if target in objects), None)
    if to_name is None:
        raise NotServedError(
            f'has toName="{element.get("toName", "")}", but the config has no Text or HyperText '
            "object of that name: point it at one"
        )
    if "true" in (element.get("perRegion"), element.get("perItem")):
        raise NotServedError(
            "is per region or per item, but only whole texts are classified: remove perRegion and "
            "perItem"
        )
    options = kind.read_options(element)
    data_key = _data_key(to_name, objects[to_name])
    answers = tuple(option.answer for option in options)
    if len(set(answers)) < max(len(answers), 2):
        raise NotServedError(
            f"offers {_listed(answers)}: it needs two choices or more, all different"
        )
    return kind(
        name=name,
        to_name=to_name,
        data_key=data_key,
        is_html=_tag(objects[to_name]) == "hypertext",
        options=answers,
        option_of=match(options, labels.of(name)) or match(options, labels.default),
    )


def _data_key(to_name: str, text: Element) -> str:
    """Return the field of the task that a Text or HyperText object shows."""
    value = text.get("value", "")
    data_key = value[1:].strip()
    if not value.startswith("$") or not data_key:
        raise NotServedError(
            f'is on "{to_name}", whose value="{value}" names no field of the task: '
            "write $ and the field's name"
        )
    if text.get("valueType") == "url":
        raise NotServedError(
            f'is on "{to_name}", which is loaded from a URL: put the text into the task itself'
        )
    return data_key


def _tag(element: Element) -> str:
    """Return the tag in lower case: Label Studio's front end ignores case in tags."""
    return element.tag.lower()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _unusable(problem: str) -> LabelingConfig:
    return LabelingConfig((), (), (problem,))
