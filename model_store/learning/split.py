"""Divide the annotated tasks into five folds, sample them, and say how many are missing."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from model_store.model.classification import Kind
from model_store.wording import shown

MIN_EXAMPLES = 20
"""Annotated tasks that a control needs before a head is fitted."""
MIN_PER_LABEL = 5
"""Annotated tasks that each label needs."""
MIN_LABELS = 2
"""Labels with so many annotations that a control needs."""
MAX_EXAMPLES = 10_000
"""Annotated tasks of a training; of more, a sample is as good and needs less time and memory."""
FOLDS = 5
HELD_OUT = 0
"""The fold by which versions are compared: what is compared has not learned from it."""
_NAMED_LABELS = 10
"""Maximum number of labels in the sentence about missing annotations."""
_MIN_IN_SAMPLE = 50
"""Tasks of each label that a sample keeps, if there are so many."""


def folds(project: str, tasks: Sequence[int], groups: Sequence[int]) -> NDArray[np.int64]:
    """Return (tasks,) folds, in 0..4, by a hash of the tasks.

    groups: a number for each task. Tasks of one group are in one fold, that of the lowest task. A
    fold depends on project and task alone: no head that leaves out `HELD_OUT` has learned from a
    task by which a later one is judged.

    >>> folds("host/1", range(8), range(8)).tolist()
    [0, 4, 2, 4, 2, 0, 4, 1]
    """
    first: dict[int, int] = {}
    for task, group in zip(tasks, groups, strict=True):
        first[group] = min(task, first.get(group, task))
    of_group = {
        group: int.from_bytes(_digest(project, task)[:8]) % FOLDS for group, task in first.items()
    }
    return np.array([of_group[group] for group in groups], dtype=np.int64)


def sample(
    project: str, answers: Mapping[int, Mapping[str, tuple[str, ...]]], size: int
) -> list[int]:
    """Return about `size` of the tasks, by ascending id; all if there are fewer.

    answers: the labels for each control, by task. Labels keep their shares, but of each label at
    least 50 tasks are kept, while these double the sample at most. A hash chooses: when tasks are
    added, most of the sample stays.
    """
    if len(answers) <= size:
        return sorted(answers)
    chosen: list[int] = []
    counts: Counter[tuple[str, str]] = Counter()
    for place, task in enumerate(sorted(answers, key=lambda task: _digest(project, task)[8:])):
        of_task = [(name, label) for name, given in answers[task].items() for label in given]
        is_rare = len(chosen) < 2 * size and any(counts[each] < _MIN_IN_SAMPLE for each in of_task)
        if place < size or is_rare:
            chosen.append(task)
            counts.update(of_task)
    return sorted(chosen)


def _digest(project: str, task: int) -> bytes:
    return hashlib.sha256(f"{project} {task}".encode("utf-8", "surrogatepass")).digest()


def counted(answers: Iterable[tuple[str, ...]]) -> Counter[str]:
    """Return the number of texts that have each label.

    >>> sorted(counted([("Rude",), (), ("Rude", "Spam")]).items())
    [('Rude', 2), ('Spam', 1)]
    """
    return Counter(label for each in answers for label in each)


def learnable(
    counts: Mapping[str, int], labels: Sequence[str], kind: Kind = "single", texts: int = 0
) -> list[str]:
    """Return the labels with enough annotations; a training leaves out the others.

    counts: annotated tasks by label. texts: the number of annotated tasks. If a text can have any
    number of labels, enough texts must be without a label, too. A rating is learned as a whole.

    >>> learnable({"Praise": 15, "Complaint": 1}, ("Praise", "Complaint", "Question"))
    ['Praise']
    """
    if kind == "rating":
        return list(labels)
    most = texts - MIN_PER_LABEL if kind == "multiple" else sys.maxsize
    return [label for label in labels if MIN_PER_LABEL <= counts.get(label, 0) <= most]


def missing(
    counts: Mapping[str, int], labels: Sequence[str], kind: Kind = "single", texts: int = 0
) -> str | None:
    """Return a sentence that says how many annotations are missing, or None.

    counts: annotated tasks by label; a label that is not in it has none. texts: the number of
    annotated tasks, if a text can have any number of labels. Two labels are enough, if they have
    enough annotations together: rare ones do not hold them up. Where a text can have any number,
    one is enough.

    >>> sentence = missing({"Praise": 15, "Complaint": 4}, ("Praise", "Complaint"))
    >>> sentence.partition(":")[0]
    '1 more annotation is needed, 1 of them Complaint'
    """
    have = {label: counts.get(label, 0) for label in labels}
    lacking = {label: MIN_PER_LABEL - n for label, n in have.items() if n < MIN_PER_LABEL}
    total = texts if kind == "multiple" else sum(have.values())
    if kind == "multiple":
        return _missing_sets(have, total)
    more = max(MIN_EXAMPLES - total, sum(lacking.values()))
    enough = [label for label, n in have.items() if n >= MIN_PER_LABEL]
    among = total if kind == "rating" else sum(have[label] for label in enough)
    if len(enough) >= MIN_LABELS and among >= MIN_EXAMPLES:
        return None
    named = dict(islice(lacking.items(), _NAMED_LABELS))
    each = "".join(f", {n} of them {shown(label)}" for label, n in named.items())
    if unnamed := len(lacking) - len(named):
        rest = sum(lacking.values()) - sum(named.values())
        each += f", {rest} of {unnamed} other labels"
    if lacking and (others := more - sum(lacking.values())):
        each += f", {others} of any label"
    return (
        f"{_needed(more)}{each}: there are {total}, and training takes {MIN_EXAMPLES}, "
        f"with {MIN_PER_LABEL} of each label"
    )


def _missing_sets(have: Mapping[str, int], texts: int) -> str | None:
    """Say what is missing where a text can have any number of labels."""
    if texts < MIN_EXAMPLES:
        return (
            f"{_needed(MIN_EXAMPLES - texts)}: there are {texts}, and training takes {MIN_EXAMPLES}"
        )
    if learnable(have, list(have), "multiple", texts):
        return None
    most = max(have, key=have.__getitem__)
    with_it, without = (max(0, MIN_PER_LABEL - n) for n in (have[most], texts - have[most]))
    side = "with" if with_it else "without"
    return (
        f"{_needed(with_it or without)} {side} a label such as {shown(most)}: training takes "
        f"{MIN_PER_LABEL} tasks with a label and {MIN_PER_LABEL} without it"
    )


def _needed(more: int) -> str:
    return f"{more} more {'annotation is' if more == 1 else 'annotations are'} needed"
