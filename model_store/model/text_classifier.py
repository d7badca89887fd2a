"""Serve a model of your own, such as a scikit-learn pipeline, in place of the one that ships.

A model is any object with `labels` and `probabilities`. See docs/your-own-model.md.
"""

import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from model_store.errors import TextClassifierError
from model_store.model.classifier import Classifier
from model_store.model.head import Head
from model_store.model.stages import Work

_SUM_TOLERANCE = 1e-3
"""How far the probabilities of a text may sum from 1: half precision must pass."""
_PROBE = ("A wonderful film!", "")


class TextClassifier(Protocol):
    """A model as the server uses it.

    An attribute `version`, a string, is optional: it becomes a part of the name that predictions
    carry, so change it whenever the model changes.
    """

    @property
    def labels(self) -> Sequence[str]:
        """The labels, at least two different ones, in the order of the probabilities."""

    def probabilities(self, texts: Sequence[str]) -> ArrayLike:
        """Return (texts, labels) probabilities; each row sums to 1. A text may be empty."""


def as_classifier(model: TextClassifier, name: str) -> Classifier:
    """Return a Classifier that answers with the probabilities of `model`.

    The model is tried on two texts. Raises TextClassifierError, which has the `name`, if the labels
    or the probabilities are wrong; so does every later call with wrong probabilities.

    >>> class Undecided:
    ...     labels = ("Negative", "Positive")
    ...
    ...     def probabilities(self, texts):
    ...         return [[0.25, 0.75]] * len(texts)
    >>> as_classifier(Undecided(), "undecided").classify(["A film."])[0].label
    'Positive'
    """
    labels = _labels(model, name)
    encoder = _ProbabilityEncoder(model, name, len(labels))
    encoder(_PROBE)
    identity = torch.eye(len(labels), dtype=torch.float64)
    head = Head(labels, identity, torch.zeros(len(labels), dtype=torch.float64))
    return Classifier(encoder, head)


def load(spec: str) -> tuple[str, Classifier]:
    """Call the callable of `spec`, `package.module:callable`; return its name and Classifier.

    The name is `spec`, and `spec@version` if the model has a version. Raises TextClassifierError
    if the module cannot be imported, if the call fails, or if what it returns is not a
    TextClassifier.
    """
    module, _, attribute = spec.partition(":")
    if not module or not attribute:
        raise TextClassifierError(spec, "write it as package.module:callable")
    try:
        factory = getattr(import_module(module), attribute, None)
    except Exception as error:
        raise TextClassifierError(
            spec, f"importing {module} failed with {_described(error)}"
        ) from error
    if not callable(factory):
        raise TextClassifierError(spec, f"{module} has no callable {attribute}")
    try:
        model = factory()
    except Exception as error:
        raise TextClassifierError(spec, f"{attribute}() failed with {_described(error)}") from error
    version = getattr(model, "version", None)
    name = f"{spec}@{version}" if version else spec
    return name, as_classifier(model, name)


class _ProbabilityEncoder:
    """Presents the logarithms of a model's probabilities as the features of a text.

    With an identity matrix as its weights, the softmax of a head returns the probabilities.
    """

    max_tokens = sys.maxsize  # a model of your own reads whole texts

    def __init__(self, model: TextClassifier, name: str, labels: int) -> None:
        self._model = model
        self._name = name
        self._labels = labels

    def __call__(self, texts: Sequence[str], work: Work | None = None) -> Tensor:
        if work is not None:
            start = time.perf_counter()
            work.tokens += sum(len(text.split()) for text in texts)
            work.seconds_tokenizing += time.perf_counter() - start
        rows = self._checked(self._model.probabilities(list(texts)), len(texts))
        return torch.from_numpy(np.log(np.maximum(rows, np.finfo(np.float64).tiny)))

    def read(self, texts: Sequence[str], work: Work | None = None) -> tuple[Tensor, None]:
        return self(texts, work), None

    def contributions(self, _texts: Sequence[str], _weights: object) -> None:
        """Return None: what a model of your own does with words is not known."""

    def _checked(self, result: ArrayLike, texts: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        try:
            rows = np.asarray(result, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._error(f"its probabilities are not an array of numbers ({error})") from error
        if rows.shape != (texts, self._labels):
            raise self._error(
                f"for {texts} texts and {self._labels} labels it must return probabilities of "
                f"shape {(texts, self._labels)}, and it returned {rows.shape}"
            )
        if not np.isfinite(rows).all():
            raise self._error("a probability is NaN or infinite")
        if (rows < 0).any():
            raise self._error(f"a probability is below 0: {rows.min():g}")
        sums = rows.sum(axis=1)
        if (wrong := np.abs(sums - 1) > _SUM_TOLERANCE).any():
            raise self._error(
                f"the probabilities of a text must sum to 1, and they sum to {sums[wrong][0]:g}"
            )
        return rows

    def _error(self, reason: str) -> TextClassifierError:
        return TextClassifierError(self._name, reason)


def _labels(model: TextClassifier, name: str) -> tuple[str, ...]:
    if not callable(getattr(model, "probabilities", None)):
        raise TextClassifierError(name, f"{type(model).__name__} has no method probabilities")
    labels = getattr(model, "labels", None)
    try:
        found = () if isinstance(labels, str) or labels is None else tuple(labels)
    except TypeError:
        found = ()
    texts = all(isinstance(label, str) and label for label in found)
    if len(found) < 2 or not texts or len(set(found)) < len(found):  # noqa: PLR2004
        raise TextClassifierError(
            name, f"its labels must be two or more different strings, and they are {labels!r}"
        )
    return tuple(map(str, found))  # numpy strings, such as those in classes_, too


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
