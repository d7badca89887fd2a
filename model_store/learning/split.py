"""Hold out a fifth of the annotated tasks, sample them, and say how many are still missing."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from model_store.wording import shown

MIN_EXAMPLES = 20
"""Annotated tasks that a control needs before a head is fitted."""
MIN_PER_LABEL = 5
"""Annotated tasks that each label needs."""
MIN_LABELS = 2
"""Labels with so many annotations that a control needs."""
MAX_EXAMPLES = 10_000
"""Annotated tasks of a training; of more, a sample is as good and needs less time and memory."""
_FIFTHS = 5
_NAMED_LABELS = 10
"""Maximum number of labels in the sentence about missing annotations."""
_MIN_IN_SAMPLE = 50
"""Tasks of each label that a sample keeps, if there are so many."""


def is_held_out(project: str, task: int) -> bool:
    """Return whether a task is held out for evaluation: one in five, by a hash.

    The answer depends on project and task alone. It never changes, so no version learned from a
    task that a later version is evaluated on.

    >>> [task for task in range(20) if is_held_out("host/1", task)]
    [0, 5, 18]
    """
    return int.from_bytes(_digest(project, task)[:8]) % _FIFTHS == 0


def sample(project: str, answers: Mapping[int, Mapping[str, str]], size: int) -> list[int]:
    """Return about `size` of the tasks, by ascending id; all if there are fewer.

    answers: the answer for each control, by task. Labels keep their shares, but of each label at
    least 50 tasks are kept, while these double the sample at most. A hash chooses: when tasks are
    added, most of the sample stays.
    """
    if len(answers) <= size:
        return sorted(answers)
    chosen: list[int] = []
    counts: Counter[tuple[str, str]] = Counter()
    for place, task in enumerate(sorted(answers, key=lambda task: _digest(project, task)[8:])):
        of_task = answers[task].items()
        is_rare = len(chosen) < 2 * size and any(counts[each] < _MIN_IN_SAMPLE for each in of_task)
        if place < size or is_rare:
            chosen.append(task)
            counts.update(of_task)
    return sorted(chosen)


def _digest(project: str, task: int) -> bytes:
    return hashlib.sha256(f"{project} {task}".encode("utf-8", "surrogatepass")).digest()


def learnable(counts: Mapping[str, int], labels: Sequence[str]) -> list[str]:
    """Return the labels with enough annotations; a training leaves out the others.

    >>> learnable({"Praise": 15, "Complaint": 1}, ("Praise", "Complaint", "Question"))
    ['Praise']
    """
    return [label for label in labels if counts.get(label, 0) >= MIN_PER_LABEL]


def missing(counts: Mapping[str, int], labels: Sequence[str]) -> str | None:
    """Return a sentence that says how many annotations are missing, or None.

    counts: annotated tasks by label; a label that is not in it has none. Two labels are enough,
    if they have enough annotations together: rare ones do not hold them up.

    >>> sentence = missing({"Praise": 15, "Complaint": 4}, ("Praise", "Complaint"))
    >>> sentence.partition(":")[0]
    '1 more annotation is needed, 1 of them Complaint'
    """
    have = {label: counts.get(label, 0) for label in labels}
    total = sum(have.values())
    lacking = {label: MIN_PER_LABEL - n for label, n in have.items() if n < MIN_PER_LABEL}
    more = max(MIN_EXAMPLES - total, sum(lacking.values()))
    enough = learnable(counts, labels)
    if len(enough) >= MIN_LABELS and sum(have[label] for label in enough) >= MIN_EXAMPLES:
        return None
    named = dict(islice(lacking.items(), _NAMED_LABELS))
    each = "".join(f", {n} of them {shown(label)}" for label, n in named.items())
    if unnamed := len(lacking) - len(named):
        rest = sum(lacking.values()) - sum(named.values())
        each += f", {rest} of {unnamed} other labels"
    if lacking and (others := more - sum(lacking.values())):
        each += f", {others} of any label"
    return (
        f"{more} more {'annotation is' if more == 1 else 'annotations are'} needed{each}: "
        f"there are {total}, and training takes {MIN_EXAMPLES}, "
        f"with {MIN_PER_LABEL} of each label"
    )
