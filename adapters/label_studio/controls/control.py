"""The base of all controls: a text, options, and the labels they stand for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from xml.etree.ElementTree import Element


class NotServedError(Exception):
    """A control cannot be served. The message continues a sentence that starts with its name."""


class Option(NamedTuple):
    """One option of a control, with the names by which the label of a model can match it."""

    answer: str
    """The value that Label Studio stores when an annotator takes the option, as text."""
    value: str
    alias: str = ""
    predicted_values: tuple[str, ...] = ()


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
    """The key of `task["data"]` that holds the text; dots lead into nested objects."""
    is_html: bool
    options: tuple[str, ...]
    """The answers that an annotator can give, in the order of the labeling config."""
    option_of: Mapping[str, str]
    """The option for each label of the model; empty if the model has other labels and must be
    trained for this control."""

    @property
    def label_of(self) -> Mapping[str, str]:
        """The label of the model for each option; empty if `option_of` is."""
        return {option: label for label, option in self.option_of.items()}

    @staticmethod
    @abstractmethod
    def read_options(element: Element) -> Sequence[Option]:
        """Return the options of an element of this tag; raise NotServedError."""

    @staticmethod
    @abstractmethod
    def value_of(answer: str) -> dict[str, Any]:
        """Return the `value` of a region that stores an answer."""

    @staticmethod
    @abstractmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return the answers that the `value` of a region stores; None if it is malformed."""


def match(options: Sequence[Option], labels: Sequence[str]) -> dict[str, str]:
    """Pair each label of a model with an option of its own; the first rule that fits decides.

    Returns an empty dict if a label or an option is left over.
    """
    left = list(options)
    option_of: dict[str, str] = {}
    for label in labels:
        folded = label.casefold()
        rules = (
            lambda option, label=label: label in option.predicted_values,
            lambda option, label=label: option.value == label,
            lambda option, folded=folded: option.value.casefold() == folded,
            lambda option, folded=folded: option.alias.casefold() == folded,
        )
        found = next((option for rule in rules for option in left if rule(option)), None)
        if found is not None:
            left.remove(found)
            option_of[label] = found.answer
    return option_of if len(option_of) == len(labels) and not left else {}
