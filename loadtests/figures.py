"""The figures of a scenario."""

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
    """All figures of a scenario: those of its routes, and others by name."""

    scenario: str
    routes: list[RouteFigures]
    figures: dict[str, float]
    problems: dict[str, int] = field(default_factory=dict)
    """Each failure in a sentence without content, and how often it happened."""

    @property
    def tasks_per_second(self) -> float:
        """Return the number of tasks with a prediction, on all routes."""
        return sum(route.tasks_per_second for route in self.routes)

    def compared_to(self, other: "ScenarioFigures") -> "ScenarioFigures":
        """Return these figures with the ratio of their throughput to that of another scenario."""
        ratio = ratio_of(self.tasks_per_second, other.tasks_per_second)
        return replace(self, figures={**self.figures, f"throughput_to_{other.scenario}": ratio})


def ratio_of(value: float, reference: float) -> float:
    """Return the quotient; 0 if the divisor is 0."""
    return value / reference if reference else 0.0
