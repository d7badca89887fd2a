"""What a person at a terminal sees of a run."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from adapters.preannotate.work_folder import Progress

_FORMAT = "{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left{postfix}"
_FORMAT_WITHOUT_END = "{desc} {elapsed} gone{postfix}"


class Display:
    """A bar that is moved by bytes of the inputs, since rows are not known before they are read."""

    def __init__(self, bar: "tqdm[None]", start: Progress) -> None:
        self._bar = bar
        self._rows = start.rows
        self._began = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Show how far the run is."""
        rate = (progress.rows - self._rows) / max(time.monotonic() - self._began, 1e-9)
        self._bar.set_postfix_str(
            f"{progress.rows:,} rows, {rate:,.0f} rows/s, {progress.rejected:,} rejected",
            refresh=False,
        )
        self._bar.update(progress.consumed - self._bar.n)


@contextmanager
def display(total: int, start: Progress, *, quiet: bool) -> Iterator[Display]:
    """A bar on standard error until the end of the block; only where that is a terminal.

    `total` is in bytes, 0 if it is not known.
    """
    with tqdm(
        total=total or None,
        initial=start.consumed,
        desc="preannotate",
        bar_format=_FORMAT if total else _FORMAT_WITHOUT_END,
        disable=True if quiet else None,
        file=sys.stderr,
        leave=False,
    ) as bar:
        yield Display(bar, start)
