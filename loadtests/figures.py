"""What a scenario has measured."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class RouteFigures:
    """The requests of one kind; times in milliseconds."""

    route: str
    requests: int
    failures: int
    p50: float
    p95: float
    p99: float
    max: float
    requests_per_second: float
    tasks_per_second: float


@dataclass(frozen=True)
class ScenarioFigures:
    """All that one scenario has measured: its routes, and figures by their names."""

    scenario: str
    routes: list[RouteFigures]
    figures: dict[str, float]
    problems: dict[str, int] = field(default_factory=dict)
    """What failed, in a sentence without content, and how often."""

    @property
    def tasks_per_second(self) -> float:
        """Tasks that got their predictions, on all routes."""
        return sum(route.tasks_per_second for route in self.routes)

    def compared_to(self, other: "ScenarioFigures") -> "ScenarioFigures":
        """The same with the ratio of its throughput to another scenario's."""
        ratio = ratio_of(self.tasks_per_second, other.tasks_per_second)
        return replace(self, figures={**self.figures, f"throughput_to_{other.scenario}": ratio})


def ratio_of(value: float, reference: float) -> float:
    """One by the other; 0 where there is nothing to compare with."""
    return value / reference if reference else 0.0
