"""Hold out a fifth of the annotated tasks, and say how many annotations are still missing."""

import hashlib
from collections.abc import Mapping, Sequence

MIN_EXAMPLES = 20
"""Annotated tasks that a control needs before a head is fitted."""
MIN_PER_LABEL = 5
"""Annotated tasks that each label needs."""
_FIFTHS = 5


def is_held_out(project: str, task: int) -> bool:
    """Return whether a task is held out for evaluation: one in five, by a hash.

    The answer depends on project and task alone. It never changes, so no version learned from a
    task that a later version is evaluated on.

    >>> [task for task in range(20) if is_held_out("host/1", task)]
    [0, 5, 18]
    """
    digest = hashlib.sha256(f"{project} {task}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % _FIFTHS == 0


def missing(counts: Mapping[str, int], labels: Sequence[str]) -> str | None:
    """Return a sentence that says how many annotations are missing, or None.

    counts: annotated tasks by label; a label that is not in it has none.

    >>> sentence = missing({"Praise": 15, "Complaint": 4}, ("Praise", "Complaint"))
    >>> sentence.partition(":")[0]
    '1 more annotation is needed, 1 of them Complaint'
    """
    have = {label: counts.get(label, 0) for label in labels}
    total = sum(have.values())
    lacking = {label: MIN_PER_LABEL - n for label, n in have.items() if n < MIN_PER_LABEL}
    more = max(MIN_EXAMPLES - total, sum(lacking.values()))
    if more <= 0:
        return None
    each = "".join(f", {n} of them {label}" for label, n in lacking.items())
    if lacking and (others := more - sum(lacking.values())):
        each += f", {others} of any label"
    return (
        f"{more} more {'annotation is' if more == 1 else 'annotations are'} needed{each}: "
        f"there are {total}, and training takes {MIN_EXAMPLES}, "
        f"with {MIN_PER_LABEL} of each label"
    )
