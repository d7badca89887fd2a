"""The figures that a scenario measures."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class RouteFigures:
    """The figures of one route; times in milliseconds."""

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
    """All figures of a scenario: by route, and by name for the scenario as a whole."""

    scenario: str
    routes: list[RouteFigures]
    figures: dict[str, float]
    problems: dict[str, int] = field(default_factory=dict)
    """How often each failure happened, by a description without content."""

    @property
    def tasks_per_second(self) -> float:
        """Return the predicted tasks per second, on all routes."""
        return sum(route.tasks_per_second for route in self.routes)

    def compared_to(self, other: "ScenarioFigures") -> "ScenarioFigures":
        """Return these figures plus the ratio of their throughput to another scenario's."""
        ratio = ratio_of(self.tasks_per_second, other.tasks_per_second)
        return replace(self, figures={**self.figures, f"throughput_to_{other.scenario}": ratio})


def ratio_of(value: float, reference: float) -> float:
    """Return the quotient; 0 if the divisor is 0."""
    return value / reference if reference else 0.0
