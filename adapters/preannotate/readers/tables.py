"""What every reader makes of a file: rows, and how a worker decodes them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.preannotate.records import Row, Unit


@dataclass(frozen=True)
class Table:
    """The rows of one file."""

    unit: Unit
    decode: Callable[..., dict[str, Any]]
    """Raw content of a row to its fields; raises RowError. It runs in a worker."""
    rows: Iterator[Row]


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names of columns as pandas, and with it Label Studio, reads them.

    The second `text` becomes `text.1`; a column without a name `Unnamed: ` and its number from 0.
    """
    unique: dict[str, None] = {}
    taken = set(names)
    for position, name in enumerate(names):
        chosen = name or f"Unnamed: {position}"
        number = 0
        while chosen in unique or (number and chosen in taken):
            number += 1
            chosen = f"{name}.{number}"
        unique[chosen] = None
    return tuple(unique)
