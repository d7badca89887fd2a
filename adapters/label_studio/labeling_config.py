"""Find the controls of a labeling config that a model can fill in, and report the others.

Does not use the parser of Label Studio's SDK: see docs/decisions/0004. What differs between the
tags is in `controls/`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException

from adapters.label_studio.controls import CONTROLS, Control, NotServedError, match
from adapters.label_studio.controls.evidence import EvidenceControl, find_controls
from adapters.label_studio.editor.tags import Tag, parse_tags
from adapters.label_studio.editor.variables import is_one_variable, variables_in
from adapters.label_studio.task_text import ENCODINGS
from model_store.wording import listed, shown

_OBJECTS = ("text", "hypertext")
_CONDITIONS = ("visibleWhen", "whenTagName", "whenChoiceValue", "whenLabelValue", "whenRole")
"""Attributes of a control that the editor does not always show."""


@dataclass(frozen=True)
class LabelingConfig:
    """The controls of one labeling config, by whether a model can fill them in."""

    controls: tuple[Control, ...]
    """The controls that the model can fill in."""
    unknown: tuple[Control, ...]
    """The controls that offer none of the model's labels: it can be trained for them."""
    problems: tuple[str, ...]
    """One sentence for each control that is not served, or for the whole labeling config: what is
    wrong and what to do."""

    @property
    def trainable(self) -> tuple[Control, ...]:
        """All controls that a model can be trained for."""
        return (*self.controls, *self.unknown)

    @property
    def untrained(self) -> tuple[Control, ...]:
        """The controls with options that the model does not know."""
        partial = (control for control in self.controls if control.is_partial)
        return (*self.unknown, *partial)


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


def parse(xml: str, labels: Labels) -> LabelingConfig:
    """Find the controls of a labeling config that a model with these labels can fill in.

    Never raises: a labeling config that cannot be read has no controls and one problem.
    """
    try:
        root = parse_tags(xml)
    except ParseError as error:
        line, column = error.position
        return _unusable(
            f"The labeling config is not well-formed XML (line {line}, column {column}): "
            "correct it in Settings, Labeling Interface."
        )
    except DefusedXmlException:
        return _unusable("The labeling config declares XML entities: write it without them.")
    except UnicodeEncodeError as error:
        return _unusable(
            "The labeling config contains half of a surrogate pair, which is not a character "
            f"(position {error.start + 1}): remove it in Settings, Labeling Interface."
        )
    except ValueError:
        return _unusable("The labeling config names an encoding that it does not have: remove it.")
    tags = list(_tags_in(root))
    objects = {tag.get("name", ""): tag for tag, _ in tags if tag.tag in _OBJECTS}
    repeated = {tag.get("name", "") for tag, is_repeated in tags if is_repeated}
    known: list[Control] = []
    unknown: list[Control] = []
    problems: list[str] = []
    for tag, is_repeated in tags:
        if kind := CONTROLS.get(tag.tag):
            try:
                control = _read(kind, tag, objects, repeated, labels, is_repeated=is_repeated)
            except NotServedError as reason:
                name = shown(tag.get("name", ""))
                problems.append(f'The {kind.tag} control "{name}" {reason}.')
            else:
                (known if control.option_of else unknown).append(control)
    known = _with_evidence(known, find_controls((tag for tag, _ in tags), objects))
    problems += [_must_be_trained(control, labels) for control in unknown]
    problems += [_knows_some(control) for control in known if control.is_partial]
    if not known and not problems:
        *others, last = (kind.tag for kind in CONTROLS.values())
        kinds = f"{', '.join(others)} or {last}" if others else last
        return _unusable(
            f"The labeling config has no {kinds} control: add one whose toName is a Text object, "
            f"with the choices {listed(labels.default)}."
        )
    return LabelingConfig(tuple(known), tuple(unknown), tuple(problems))


def _tags_in(root: Tag) -> Iterator[tuple[Tag, bool]]:
    """Yield all tags in order, and whether a Repeater contains them."""
    left = [(root, False)]
    while left:
        tag, is_repeated = left.pop()
        yield tag, is_repeated
        inside = is_repeated or tag.tag == "repeater"
        # The tag of a comment is a function.
        left += [(child, inside) for child in reversed(tag) if isinstance(child, Tag)]


def _with_evidence(
    controls: Sequence[Control], showing: Mapping[str, EvidenceControl]
) -> list[Control]:
    """Give the evidence control of each object to the first control of the object.

    The words of two controls would look alike.
    """
    left = dict(showing)
    return [replace(control, evidence=left.pop(control.to_name, None)) for control in controls]


def _must_be_trained(control: Control, labels: Labels) -> str:
    rename = "offer exactly these, name them in predicted_values, or "
    return (
        f'The {control.tag} control "{shown(control.name)}" offers {listed(control.options)}, but '
        f"the model knows {listed(labels.of(control.name))}: "
        f"{rename if control.kind == 'single' else ''}annotate tasks and press Start Training."
    )


def _knows_some(control: Control) -> str:
    left = [option for option in control.options if option not in control.label_of]
    return (
        f'Of the {control.tag} control "{shown(control.name)}", the model knows '
        f"{listed(tuple(control.label_of))} alone and never predicts {listed(left)}: annotate "
        "tasks and press Start Training."
    )


def _read(
    kind: type[Control],
    tag: Tag,
    objects: Mapping[str, Tag],
    repeated: Collection[str],
    labels: Labels,
    *,
    is_repeated: bool,
) -> Control:
    if not (name := tag.get("name")):
        raise NotServedError("has no name: give it one")
    to_name = _object_of(tag, objects)
    if is_repeated or to_name in repeated:
        raise NotServedError(
            "is in a Repeater or on a text in one, but only controls with a fixed name are served: "
            'write each text and its control out, with value="$items[0]" and so on'
        )
    if tag.is_true("perRegion") or tag.is_true("perItem"):
        raise NotServedError(
            "is per region or per item, but only whole texts are classified: remove perRegion and "
            "perItem"
        )
    options = kind.read_options(tag)
    answers = tuple(option.answer for option in options)
    if len(set(answers)) < max(len(answers), 2):
        raise NotServedError(
            f"offers {listed(answers)}: it needs two choices or more, all different"
        )
    is_conditional = any(tag.get(name) for name in _CONDITIONS)
    return kind(
        name=name,
        to_name=to_name,
        is_html=objects[to_name].tag == "hypertext",
        options=answers,
        option_of=match(options, labels.of(name)) or match(options, labels.default, partly=True),
        paths={option.answer: option.path for option in options if option.path},
        kind=kind.read_kind(tag),
        is_conditional=is_conditional,
        **_text_of(to_name, objects[to_name]),
    )


def _object_of(tag: Tag, objects: Mapping[str, Tag]) -> str:
    """Return the name of the Text or HyperText object that a control is about."""
    to_name = tag.get("toName", "")
    targets = to_name.split(",")
    for target in (to_name, *targets, *(target.strip() for target in targets)):
        if target in objects:
            return target
    raise NotServedError(
        f'has toName="{shown(to_name)}", but the config has no Text or HyperText '
        "object of that name: point it at one"
    )


def _text_of(to_name: str, text: Tag) -> dict[str, Any]:
    """Return where in a task the text of a Text or HyperText object is."""
    where, value = f'is on "{shown(to_name)}"', text.get("value", "")
    # A column's name may contain blanks, which the editor would not read as part of a variable.
    data_key = value[1:].strip() if value.startswith("$") else ""
    variables = variables_in(value)
    if not (data_key or variables):
        raise NotServedError(
            f'{where}, whose value="{shown(value)}" names no field of the task: '
            "write $ and the field's name"
        )
    if text.get("valueType", "").strip().lower() == "url" or text.get("resolver"):
        raise NotServedError(
            f"{where}, which is loaded from a URL: put the text into the task itself"
        )
    encoding = text.get("encoding", "").strip().lower()
    if encoding not in ("", "none", *ENCODINGS):
        raise NotServedError(
            f'{where}, whose encoding="{shown(encoding)}" is unknown: '
            f"write {' or '.join(ENCODINGS)}, or remove it"
        )
    has_text_around = variables and not is_one_variable(value)
    return {
        "data_key": data_key or variables[0],
        "template": value if has_text_around else "",
        "encoding": encoding if encoding in ENCODINGS else "",
    }


def _unusable(problem: str) -> LabelingConfig:
    return LabelingConfig((), (), (problem,))
