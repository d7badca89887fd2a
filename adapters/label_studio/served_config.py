"""Which versions of a deployment serve which controls of a labeling config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import fmean
from typing import NamedTuple

from adapters.label_studio.controls import CONTROLS, Control
from adapters.label_studio.labeling_config import LabelingConfig, Labels, parse
from adapters.server.offloading import offload
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier
from model_store.model.head import classification
from model_store.serving.registry import Deployment

_MAX_CHARACTERS = 1024 * 1024
_MAX_TAGS = 20_000
_MAX_CONTROLS = 200
_SMALL_CHARACTERS = 16 * 1024
"""Size of a labeling config that takes a millisecond or less to parse."""


class Predictor(NamedTuple):
    """One version as it serves one control."""

    version: str
    control: Control
    """The control, with the options that this version's labels stand for."""
    classifier: Classifier


@dataclass(frozen=True)
class ServedControl:
    """One control with all versions that serve it, at least one."""

    control: Control
    """The control as its first version serves it."""
    predictors: tuple[Predictor, ...]
    classifiers: tuple[Classifier, ...]
    """The versions that serve the control, in the order of the deployment."""

    def average(self, answers: Sequence[Classification]) -> tuple[Control, Classification]:
        """Return the mean of the probabilities that the versions give to each option.

        answers: one for each of `classifiers`. The labels of the result are the options.
        """
        options = self.control.options
        mean = dict.fromkeys(options, 0.0)
        for predictor, answer in zip(self.predictors, answers, strict=True):
            for label, option in predictor.control.option_of.items():
                mean[option] += answer.probabilities[label] / len(answers)
        control = replace(self.control, option_of={option: option for option in options})
        head = self.classifiers[0].head
        return control, classification(options, list(mean.values()), head.kind, self._thresholds)

    @property
    def _thresholds(self) -> list[float] | None:
        """The mean threshold of each option; None if a text has one."""
        found: dict[str, list[float]] = {option: [] for option in self.control.options}
        for predictor in self.predictors:
            limits = predictor.classifier.head.thresholds or ()
            for label, limit in zip(predictor.classifier.labels, limits, strict=False):
                found[predictor.control.option_of[label]].append(limit)
        return [fmean(limits) for limits in found.values()] if all(found.values()) else None


@dataclass(frozen=True)
class ServedConfig:
    """The controls of a labeling config that the versions of a deployment serve."""

    versions: tuple[str, ...]
    """The versions that predict. `/setup` names the first one to Label Studio."""
    ensemble: str | None
    """The model version of the average's predictions; None without an average."""
    by_control: Mapping[str, ServedControl]
    """The served controls by their names."""
    config: LabelingConfig
    """The labeling config as the first version supports it."""

    @property
    def controls(self) -> tuple[Control, ...]:
        """All controls that some version serves."""
        return tuple(served.control for served in self.by_control.values())

    @property
    def is_html(self) -> bool:
        """Whether the text of some control is HTML."""
        return any(control.is_html for control in self.controls)


async def read_config(xml: str | None, deployment: Deployment) -> ServedConfig:
    """Call `serve` for the labeling config of a request; parse a large one in a thread."""
    is_small = xml is None or len(xml) <= _SMALL_CHARACTERS
    return await offload(serve, xml or "<View/>", deployment, inline=is_small)


def serve(xml: str, deployment: Deployment) -> ServedConfig:
    """Find the controls of a labeling config that the versions of a deployment serve.

    Versions that serve no control are left out, unless none serves any. Label Studio asks again
    for all tasks without a prediction of the version that `/setup` names, so that version must
    predict. A config that is too large has no controls and one problem.
    """
    return (_small if len(xml) <= _SMALL_CHARACTERS else _large)(xml, deployment)


def _serve(xml: str, deployment: Deployment) -> ServedConfig:
    problem = _problem_of_size(xml)
    parsed = [
        (
            version,
            LabelingConfig((), (), (problem,))
            if problem
            else parse(xml, Labels.of_model(version.classifier)),
        )
        for version in deployment.versions
    ]
    serving = [(version, config) for version, config in parsed if config.controls] or parsed[:1]
    predictors: dict[str, list[Predictor]] = {}
    for version, config in serving:
        for control in config.controls:
            classifier = classifier_for(version.classifier, control)
            predictor = Predictor(version.name, control, classifier)
            predictors.setdefault(control.name, []).append(predictor)
    return ServedConfig(
        tuple(version.name for version, _ in serving),
        deployment.ensemble,
        {name: _served(of_control) for name, of_control in predictors.items()},
        serving[0][1],
    )


_small = lru_cache(maxsize=256)(_serve)
_large = lru_cache(maxsize=4)(_serve)
"""Two caches, so that both together stay below some ten megabytes."""


def _problem_of_size(xml: str) -> str | None:
    """Return what makes a labeling config too large to parse, counted in its text."""
    text = xml.lower() if len(xml) <= _MAX_CHARACTERS else ""
    controls = sum(text.count(f"<{tag}") for tag in CONTROLS)
    for number, most, what in (
        (len(xml), _MAX_CHARACTERS, "characters"),
        (text.count("<") - text.count("</"), _MAX_TAGS, "tags"),
        (controls, _MAX_CONTROLS, "controls that a model can fill in"),
    ):
        if number > most:
            return (
                f"The labeling config has {number} {what}, and this server reads at most {most}: "
                "shorten it in Settings, Labeling Interface."
            )
    return None


def classifier_for(classifier: Classifier, control: Control) -> Classifier:
    """Return the part of a classifier that classifies texts for a control.

    That is the head of the control, unless the options of the control have changed since it was
    trained and now match the default labels.
    """
    own = classifier.for_control(control.name)
    return own if set(own.labels) == set(control.option_of) else classifier


def _served(predictors: Sequence[Predictor]) -> ServedControl:
    classifiers = tuple(predictor.classifier for predictor in predictors)
    return ServedControl(predictors[0].control, tuple(predictors), classifiers)
