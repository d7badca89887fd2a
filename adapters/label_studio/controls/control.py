"""The base of all controls: a text, options, and the labels they stand for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from adapters.label_studio.controls.evidence import EvidenceControl
from adapters.label_studio.editor.tags import Tag
from adapters.label_studio.editor.variables import variables_in
from model_store.model.classification import Classification, Kind


class NotServedError(Exception):
    """A control cannot be served. The message continues a sentence that starts with its name."""


class Option(NamedTuple):
    """One option of a control, with the names by which the label of a model can match it."""

    answer: str
    """The value that Label Studio stores when an annotator takes the option, as text."""
    value: str
    alias: str = ""
    predicted_values: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    """What Label Studio stores instead of the answer, if that is a path of options."""


@dataclass(frozen=True)
class Control(ABC):
    """A control of a labeling config, with its text and its options.

    A subclass is one tag. It says how to read the options from the XML element, how a region
    stores an answer, and how to read answers from a region.
    """

    tag: ClassVar[str]
    """The tag as Label Studio documents it, such as "Choices"."""
    region_type: ClassVar[str]
    """The `type` of the control's regions, such as "choices": the tag in lower case."""

    name: str
    to_name: str
    """The name of the Text or HyperText object."""
    data_key: str
    """The key of `task["data"]` that holds the text; dots and indices, as in `items[0].body`, lead
    into nested values."""
    is_html: bool
    options: tuple[str, ...]
    """The answers that an annotator can give, in the order of the labeling config."""
    option_of: Mapping[str, str]
    """The option for each label of the model; empty if the model has other labels and must be
    trained for this control."""
    template: str = ""
    """The text around one or more variables, such as `Review: $review`; empty if the text is a
    field as it is."""
    encoding: str = ""
    """`base64` or `base64unicode` if the field is encoded."""
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The path of each option that has one."""
    kind: Kind = "single"
    """How many options an annotator can take."""
    is_conditional: bool = False
    """Whether the editor shows the control only under a condition."""
    evidence: EvidenceControl | None = None
    """Where the words that speak for a prediction are shown, if anywhere."""

    @property
    def data_keys(self) -> tuple[str, ...]:
        """The keys of all fields in the text."""
        return tuple(variables_in(self.template)) or (self.data_key,)

    @property
    def label_of(self) -> Mapping[str, str]:
        """The label of the model for each option; empty if `option_of` is."""
        return {option: label for label, option in self.option_of.items()}

    @property
    def is_partial(self) -> bool:
        """Whether the model knows some of the options, but not all."""
        return 0 < len(self.option_of) < len(self.options)

    def given(self, answers: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
        """Return the options that an annotation takes, in their order; None if it has no answer.

        answers: those of an annotation, by control. Taking no option is an answer if an annotator
        can take any number, unless the editor may not have shown the control.
        """
        found = answers.get(self.name, ())
        if self.kind != "multiple":
            return tuple(found) if len(found) == 1 else None
        if not found and self.is_conditional:
            return None
        places = {option: place for place, option in enumerate(self.options)}
        return tuple(sorted(set(found), key=lambda option: (places.get(option, -1), option)))

    def taken(self, classification: Classification) -> tuple[str, ...]:
        """Return the options that a classification takes."""
        labels = classification.answers if self.kind == "multiple" else (classification.label,)
        return tuple(self.option_of[label] for label in labels)

    @staticmethod
    def read_kind(_: Tag) -> Kind:
        """Return how many options of an element of this tag an annotator can take."""
        return "single"

    @staticmethod
    @abstractmethod
    def read_options(element: Tag) -> Sequence[Option]:
        """Return the options of an element of this tag; raise NotServedError."""

    @abstractmethod
    def value_of(self, answers: Sequence[str]) -> dict[str, Any]:
        """Return the `value` of a region that stores answers, at least one."""

    @staticmethod
    @abstractmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return the answers that the `value` of a region stores; None if it is malformed."""


def match(
    options: Sequence[Option], labels: Sequence[str], *, partly: bool = False
) -> dict[str, str]:
    """Pair each label of a model with an option of its own; the first rule that fits decides.

    Blanks around names do not matter. Returns an empty dict if a label is left over, or an option,
    unless the labels may be a part of the options.
    """
    left = list(options)
    option_of: dict[str, str] = {}
    for label in labels:
        found = next((option for rule in _RULES for option in left if rule(option, label)), None)
        if found is not None:
            left.remove(found)
            option_of[label] = found.answer
    return option_of if len(option_of) == len(labels) and (partly or not left) else {}


def _is_same(name: str, label: str) -> bool:
    return name.strip().casefold() == label.strip().casefold()


_RULES: tuple[Callable[[Option, str], bool], ...] = (
    lambda option, label: label.strip() in option.predicted_values,
    lambda option, label: option.value == label,
    lambda option, label: option.value.strip() == label.strip(),
    lambda option, label: _is_same(option.value, label),
    lambda option, label: _is_same(option.alias, label),
    lambda option, label: option.answer == label,
)
