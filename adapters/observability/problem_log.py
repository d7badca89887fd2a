"""Log each problem of a project once, not at each request."""

import logging
from collections import OrderedDict
from collections.abc import Sequence

_PROJECTS = 1000
_SENTENCES = 20


class ProblemLog:
    """Remembers the problems of the last projects.

    Label Studio calls `/setup` several times for each task that it opens. A problem is logged again
    when it has changed, or when it was gone in between.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._known: OrderedDict[tuple[str | None, str], frozenset[str]] = OrderedDict()

    def report(self, project: str | None, route: str, problems: Sequence[str]) -> None:
        """Log the problems that this route did not have with the project at its last request."""
        known = self._known.pop((project, route), frozenset())
        for problem in [problem for problem in problems if problem not in known][:_SENTENCES]:
            self._logger.warning("Project %s: %s", project, problem)
        if problems:
            self._known[project, route] = frozenset(problems)
        if len(self._known) > _PROJECTS:
            self._known.popitem(last=False)
