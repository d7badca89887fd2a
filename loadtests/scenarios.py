"""The scenarios by name, with their clients and durations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from loadtests.clients import Annotator, LabelStream, Retriever100, Retriever1000, Submitter
from loadtests.experiments import WARM_UP_SECONDS, burst, overload, scaling, soak, training
from loadtests.figures import ScenarioFigures
from loadtests.load import Crowd, Load
from loadtests.stage import Stage


@dataclass(frozen=True)
class Scenario:
    """A scenario: its function, its default duration and its needs."""

    run: Callable[[Stage], ScenarioFigures]
    seconds: float
    needs_own_server: bool = True
    compared_to: str | None = None
    """The scenario whose tasks per second are the reference for this one's."""


def _traffic(crowd: Crowd, seconds: float, compared_to: str | None = None) -> Scenario:
    """Return a scenario that runs a crowd against the stage's server."""

    def run(stage: Stage) -> ScenarioFigures:
        with stage.ready_url() as url:
            load = Load(url, crowd)
            load.run(stage.seconds, warm_up=WARM_UP_SECONDS)
            load.stop()
        return stage.conclude([load])

    return Scenario(run, seconds, needs_own_server=False, compared_to=compared_to)


_MIXED: Crowd = {Annotator: 40, LabelStream: 45, Retriever100: 4, Retriever1000: 1, Submitter: 10}

SCENARIOS = {
    "annotators": _traffic({Annotator: 100}, 30),
    "label_stream": _traffic({LabelStream: 100}, 20),
    "retrieve_100": _traffic({Retriever100: 4}, 20, compared_to="annotators"),
    "retrieve_1000": _traffic({Retriever1000: 2}, 30, compared_to="annotators"),
    "mixed": _traffic(_MIXED, 120),
    "burst": Scenario(burst, 30),
    "scaling": Scenario(scaling, 15),
    "overload": Scenario(overload, 40),
    "training": Scenario(training, 25),
    "soak": Scenario(partial(soak, _MIXED), 30 * 60),
}
"""All scenarios, in the order in which they run."""

_NOT_BY_DEFAULT = {"soak"}


def select(names: Sequence[str], *, own_server: bool) -> list[str]:
    """Return the scenarios to run, in order: the named ones or all, and their references.

    Raises ValueError if a name is unknown, or needs its own server without `own_server`.
    """
    if unknown := set(names) - set(SCENARIOS):
        raise ValueError(
            f"Unknown scenario: {', '.join(sorted(unknown))}. Choose from {', '.join(SCENARIOS)}."
        )
    possible = {name for name in SCENARIOS if own_server or not SCENARIOS[name].needs_own_server}
    if impossible := set(names) - possible:
        raise ValueError(
            f"These start their own server, leave out --url: {', '.join(sorted(impossible))}."
        )
    chosen = set(names) or possible - _NOT_BY_DEFAULT
    chosen |= {reference for name in chosen if (reference := SCENARIOS[name].compared_to)}
    return [name for name in SCENARIOS if name in chosen]
