"""Which annotated tasks of a project are held out, and whether there are enough to learn from."""

import hashlib
from collections.abc import Mapping, Sequence

MIN_EXAMPLES = 20
"""Annotated tasks that a control needs before a head is fitted for it."""
MIN_PER_LABEL = 5
"""And those that each of its labels needs."""
_FIFTHS = 5


def is_held_out(project: str, task: int) -> bool:
    """Whether a task only measures, and is never learned from: every fifth, by a hash.

    The same task of the same project gets the same answer everywhere and for ever, whatever
    else was annotated: no version has learned from what a later one is measured on.
    """
    digest = hashlib.sha256(f"{project} {task}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % _FIFTHS == 0


def missing(counts: Mapping[str, int], labels: Sequence[str]) -> str | None:
    """What is still to be annotated before training, in one sentence; None if there is enough.

    counts: the annotated tasks of each label; one that is not there has none.
    """
    have = {label: counts.get(label, 0) for label in labels}
    total = sum(have.values())
    lacking = {label: MIN_PER_LABEL - n for label, n in have.items() if n < MIN_PER_LABEL}
    more = max(MIN_EXAMPLES - total, sum(lacking.values()))
    if more <= 0:
        return None
    each = "".join(f", {n} of them {label}" for label, n in lacking.items())
    return (
        f"{more} more {'annotation is' if more == 1 else 'annotations are'} needed{each}: "
        f"there are {total}, and training takes {MIN_EXAMPLES}, "
        f"with {MIN_PER_LABEL} of each label"
    )
