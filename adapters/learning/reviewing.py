"""Follow suspects from one training to the next: which were corrected, and which were confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.label_studio.controls import Control
from adapters.learning.judgement_table import StoredJudgement
from model_store.learning.training_set import Judgement

Labels = tuple[str, ...]


def labels_by_option(control: Control) -> Mapping[str, str]:
    """Return the label that a training uses for each option of a control.

    A control with options that the model has no labels for is trained with its options as labels.
    """
    is_known = control.option_of and not control.is_partial
    return control.label_of if is_known else {option: option for option in control.options}


@dataclass(frozen=True)
class Reviewed:
    """What people did with the suspects of the training before."""

    before: Mapping[str, Mapping[int, Labels]] = field(default_factory=dict)
    """The options of corrected tasks before the correction, by control and task."""
    confirmed: Mapping[str, Mapping[int, Labels]] = field(default_factory=dict)
    """The options that were confirmed, by control and task."""

    @classmethod
    def since(
        cls,
        judgements: Sequence[StoredJudgement],
        answers: Mapping[int, Mapping[str, Labels]],
    ) -> "Reviewed":
        """Compare the judgements of the last training with the answers of now, by task."""
        before: dict[str, dict[int, Labels]] = {}
        confirmed: dict[str, dict[int, Labels]] = {}
        for each in judgements:
            now = answers.get(each.task, {}).get(each.control)
            if now is None or not each.given:
                continue
            if now == each.given:
                if each.is_confirmed or (each.is_suspect and each.changed_at > each.judged_at):
                    confirmed.setdefault(each.control, {})[each.task] = now
            elif each.is_suspect:
                before.setdefault(each.control, {})[each.task] = each.given
        return cls(before, confirmed)

    def stored(self, control: Control, judgements: Sequence[Judgement]) -> list[StoredJudgement]:
        """Return the judgements of a training with the options of its control, to be stored."""
        options = {label: option for option, label in labels_by_option(control).items()}
        confirmed = self.confirmed.get(control.name, {})
        found = []
        for each in judgements:
            given, predicted = (
                tuple(options[label] for label in labels) for labels in (each.given, each.predicted)
            )
            is_confirmed = given == confirmed.get(each.task)
            found.append(
                StoredJudgement(
                    control.name,
                    each.task,
                    given,
                    predicted,
                    each.score,
                    each.quality,
                    is_suspect=each.is_suspect and not is_confirmed,
                    is_disputed=each.is_disputed,
                    is_confirmed=is_confirmed,
                )
            )
        return found
