"""Compare what was accepted unseen with what people say of the tasks that were left for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.learning.acceptance_table import Acceptance, Acceptances, AcceptedTask
from model_store.budget.acceptance import contradicts, percent


@dataclass(frozen=True)
class Audit:
    """The state of the audit of an acceptance."""

    acceptance: Acceptance
    left: int
    """Tasks of the audit that nobody has annotated yet."""
    audited: int
    wrong: int
    """Audited tasks of which a person says something else."""

    @classmethod
    def of(
        cls,
        acceptance: Acceptance,
        tasks: Sequence[AcceptedTask],
        answers: Mapping[int, Mapping[str, tuple[str, ...]]],
    ) -> "Audit":
        """Compare the tasks of an acceptance with the answers of people, by task and control."""
        audited = wrong = left = 0
        for each in tasks:
            if not each.is_audited:
                continue
            given = answers.get(each.task)
            if given is None:
                left += 1
                continue
            audited += 1
            wrong += any(given.get(name) != found for name, found in each.answers.items())
        return cls(acceptance, left, audited, wrong)

    @classmethod
    def all_of(
        cls,
        acceptances: Acceptances,
        project: str,
        answers: Mapping[int, Mapping[str, tuple[str, ...]]],
    ) -> list["Audit"]:
        """Audit all acceptances of a project that were not withdrawn, oldest first."""
        return [
            cls.of(each, acceptances.tasks(each.id), answers) for each in acceptances.all(project)
        ]

    @property
    def is_contradicted(self) -> bool:
        """Whether the audit contradicts the promise."""
        return contradicts(self.wrong, self.audited, self.acceptance.promise)

    def __str__(self) -> str:
        promised = percent(self.acceptance.max_error)
        found = (
            f"Acceptance {self.acceptance.id} promised at most {promised} wrong; of "
            f"{self.audited:,} audited tasks {self.wrong:,} are"
        )
        if self.is_contradicted:
            number = self.acceptance.project.partition(".")[0]
            return (
                f"{found}, which contradicts it: `preannotate accept {number} --do` withdraws it."
            )
        return f"{found}, and {self.left:,} are left to annotate."
