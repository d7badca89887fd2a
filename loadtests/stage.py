"""The surroundings of a scenario: its server, its duration and the folder for its reports."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.figures import ScenarioFigures
from loadtests.load import Load
from loadtests.server import Server, start_server


@dataclass(frozen=True)
class Stage:
    """What a scenario needs to run."""

    scenario: str
    seconds: float
    directory: Path
    url: str | None = None
    """A server that already runs, for scenarios that need no server of their own."""

    @contextmanager
    def ready_url(self) -> Iterator[str]:
        """Yield the URL of a ready server: the running one, or a new one."""
        if self.url:
            yield self.url
        else:
            with self.start_server() as server:
                server.wait_until_ready()
                yield server.url

    def start_server(
        self, settings: Mapping[str, str] | None = None, *, label: str = ""
    ) -> AbstractContextManager[Server]:
        """Start a new server; its log goes into the folder of the reports."""
        return start_server(self._file(label, "log"), settings or {})

    def conclude(self, loads: Sequence[Load], **figures: float) -> ScenarioFigures:
        """Write locust's reports, and return the figures of these loads and `figures`."""
        for load in loads:
            load.write_report(self._file(load.label, "html"))
        routes = [route for load in loads for route in load.routes()]
        return ScenarioFigures(
            scenario=self.scenario,
            routes=routes,
            figures={"failures": sum(route.failures for route in routes), **figures},
            problems={text: count for load in loads for text, count in load.problems().items()},
        )

    def _file(self, label: str, suffix: str) -> Path:
        name = f"{self.scenario} {label}".strip().replace(" ", "-")
        return self.directory / f"{name}.{suffix}"
