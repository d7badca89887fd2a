"""Leave labels with too few annotations out of a training, but not out of the head."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import torch

from model_store.model.head import Head
from model_store.wording import shown

_NAMED_LABELS = 10
_NEVER = -1e4
"""A bias that makes the probability of a label 0."""
_EVEN = 0.5


def restricted(head: Head, labels: Sequence[str]) -> Head:
    """Return the head for some of its labels.

    >>> head = Head(("a", "b", "c"), torch.eye(3), torch.zeros(3))
    >>> restricted(head, ("c", "a")).weight.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    rows = [head.labels.index(label) for label in labels]
    thresholds = head.thresholds and tuple(head.thresholds[row] for row in rows)
    return replace(
        head,
        labels=tuple(labels),
        weight=head.weight[rows],
        bias=head.bias[rows],
        thresholds=thresholds,
        judged=head.judged and restricted(head.judged, labels),
    )


def extended(head: Head, labels: Sequence[str]) -> Head:
    """Return the head for more labels, which it gives a probability of 0.

    >>> head = Head(("a", "b"), torch.eye(2), torch.zeros(2))
    >>> result = extended(head, ("a", "new", "b")).classify(torch.tensor([[2.0, 0.0]]))[0]
    >>> result.label, result.probabilities["new"]
    ('a', 0.0)
    """
    weight = torch.zeros(len(labels), head.weight.shape[1])
    bias = torch.full((len(labels),), _NEVER)
    rows = [list(labels).index(label) for label in head.labels]
    weight[rows], bias[rows] = head.weight, head.bias
    known = dict(zip(head.labels, head.thresholds or (), strict=False))
    return replace(
        head,
        labels=tuple(labels),
        weight=weight,
        bias=bias,
        thresholds=head.thresholds and tuple(known.get(label, _EVEN) for label in labels),
        judged=head.judged and extended(head.judged, labels),
    )


def named(left_out: Mapping[str, int]) -> str:
    """Return the names of labels with their numbers of annotations, the first ten.

    >>> named({"Praise": 1, "Complaint": 0})
    'Praise (1), Complaint (0)'
    """
    names = [
        f"{shown(label)} ({count})" for label, count in islice(left_out.items(), _NAMED_LABELS)
    ]
    if more := len(left_out) - len(names):
        names.append(f"{more} more")
    return ", ".join(names)
