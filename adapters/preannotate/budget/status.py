"""`preannotate status`: what a project still needs, in one sentence, and the reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapters.learning.acceptance_table import Acceptances
from adapters.learning.audits import Audit
from adapters.learning.budget import Budget, Budgets
from adapters.learning.examples import ExampleStore
from adapters.learning.helping import Helping, helping
from adapters.learning.judgement_table import Judgements
from adapters.preannotate.budget.access import Access
from adapters.preannotate.model import ModelReference
from model_store.budget.acceptance import Promise
from model_store.budget.consensus import Votes, agreement
from model_store.wording import shown


@dataclass(frozen=True)
class Status:
    """What is known of a project."""

    budget: Budget
    agreements: list[str]
    audits: list[Audit]
    helping: Helping | None

    def __str__(self) -> str:
        lines = [self.budget.summary, *self.budget.sentences, *self.agreements]
        lines += [str(each) for each in self.audits]
        if self.helping:
            lines.append(str(self.helping))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file that `--summary` names."""
        return {
            **self.budget.to_json(),
            "agreement": self.agreements,
            "audits": [str(each) for each in self.audits],
            "help": str(self.helping) if self.helping else None,
        }


def status(
    access: Access, model: ModelReference, promise: Promise, *, withhold: float, by_annotator: bool
) -> Status:
    """Return what is known of a project; changes nothing.

    by_annotator: whether to say how far each pair of annotators agrees.
    """
    examples, judgements = ExampleStore(access.engine), Judgements(access.engine)
    config = model.labeling_config(access.project["label_config"])
    answers = examples.answers(access.key, config.trainable)
    return Status(
        Budgets(access.engine, promise).of(access.key, access.project.get("task_number")),
        [
            sentence
            for control in config.trainable
            for sentence in _agreements(
                control.name,
                list(examples.votes(access.key, control)),
                by_annotator=by_annotator,
            )
        ],
        Audit.all_of(Acceptances(access.engine), access.key, answers),
        helping(
            access.key,
            (each for of_task in examples.annotated(access.key) for each in of_task),
            judgements.of(access.key),
            withhold,
        ),
    )


def _agreements(control: str, votes: list[Votes], *, by_annotator: bool) -> Iterator[str]:
    found = agreement(votes)
    if not found.texts:
        return
    kappa = "" if found.kappa is None else f" (kappa {found.kappa:.2f})"
    yield (
        f'"{shown(control)}": annotators agree on {found.agreed:,} of {found.texts:,} tasks that '
        f"several labelled{kappa}."
    )
    for (one, other), (texts, between) in found.pairs.items() if by_annotator else ():
        yield f"Annotators {one} and {other}: {texts:,} tasks, kappa {between:.2f}."
