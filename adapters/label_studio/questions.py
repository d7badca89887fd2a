"""What is asked about the tasks of a project: its controls, by each version that serves them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from adapters.label_studio.capabilities import classifier_for, labels_of
from adapters.label_studio.labeling_config import ChoicesControl, LabelingConfig, parse
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier
from model_store.serving.registry import Deployment


class Asked(NamedTuple):
    """One version that serves a control."""

    version: int
    """Its place among the versions of the deployment."""
    control: ChoicesControl
    classifier: Classifier


@dataclass(frozen=True)
class Question:
    """One control, and the versions that serve it, at least one."""

    asked: tuple[Asked, ...]

    @property
    def control(self) -> ChoicesControl:
        """The control; versions differ in what they choose, not in where its text is."""
        return self.asked[0].control

    @cached_property
    def classifiers(self) -> tuple[Classifier, ...]:
        """Those that are asked, in the order of `asked`."""
        return tuple(asked.classifier for asked in self.asked)


@dataclass(frozen=True)
class Questions:
    """All that is asked about a task."""

    versions: tuple[str, ...]
    """Those that are asked; Label Studio is told of the first one."""
    ensemble: str | None
    questions: tuple[Question, ...]
    config: LabelingConfig
    """What the first version can do."""

    @property
    def is_html(self) -> bool:
        """Whether a text has to be taken out of HTML."""
        return any(question.control.is_html for question in self.questions)


@lru_cache(maxsize=256)
def ask(xml: str, deployment: Deployment) -> Questions:
    """The questions that a labeling config gives to the versions of a deployment.

    Versions that serve none of its controls are left out, unless all are: Label Studio asks anew
    for tasks without a prediction of the version that it is told of, so that one must predict.
    """
    parsed = [
        (version, parse(xml, labels_of(version.classifier))) for version in deployment.versions
    ]
    serving = [(version, config) for version, config in parsed if config.controls] or parsed[:1]
    by_control: dict[str, list[Asked]] = {}
    for index, (version, config) in enumerate(serving):
        for control in config.controls:
            classifier = classifier_for(version.classifier, control)
            by_control.setdefault(control.name, []).append(Asked(index, control, classifier))
    return Questions(
        tuple(version.name for version, _ in serving),
        deployment.ensemble,
        tuple(Question(tuple(asked)) for asked in by_control.values()),
        serving[0][1],
    )


def average(
    question: Question, answers: Sequence[Classification]
) -> tuple[ChoicesControl, Classification]:
    """The mean of the probabilities that versions give to the options of a control."""
    options = question.control.options
    mean = dict.fromkeys(options, 0.0)
    for asked, answer in zip(question.asked, answers, strict=True):
        for label, option in asked.control.choices.items():
            mean[option] += answer.probabilities[label] / len(answers)
    best = max(options, key=mean.__getitem__)
    control = replace(question.control, choices={option: option for option in options})
    return control, Classification(best, mean[best], mean)
