"""What trainings say about annotations, and what people do about it."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from adapters.label_studio.labeling_config import Labels, parse
from adapters.label_studio.withholding import is_withheld
from adapters.learning.acceptance_table import Acceptances, AcceptedTask, State
from adapters.learning.audits import Audit
from adapters.learning.budget import Budgets, open_tasks
from adapters.learning.examples import ExampleStore
from adapters.learning.helping import helping
from adapters.learning.judgement_table import Judgements, StoredJudgement, replace_judgements
from adapters.learning.project_notes import ProjectNotes
from adapters.learning.reviewing import Reviewed
from adapters.learning.tally import StoredAnnotation
from model_store.budget.acceptance import Promise
from model_store.learning.training_set import Judgement
from model_store.serving.database import writing

PROJECT = "1.1"
CONTROL = "kind"
CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="kind" toName="t">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
PROMISE = Promise(0.05, 0.9)
PAST, FUTURE = 1.0, 4e9


def judgement(task: int, given: str = "Praise", **changes: object) -> StoredJudgement:
    made = StoredJudgement(CONTROL, task, (given,), ("Complaint",), 0.9, 0.1, is_suspect=True)
    return replace(made, **changes)  # type: ignore[arg-type]


def annotate(
    engine: Engine,
    task: int,
    answer: str = "Praise",
    *,
    seconds: float | None = 9.0,
    at: float = PAST,
) -> None:
    annotation = Annotation(task, task, {CONTROL: (answer,)}, False, 7, at, seconds=seconds)
    ExampleStore(engine).record(
        Changes(
            PROJECT,
            CONFIG,
            at,
            task_count=1000,
            tasks=(AnnotatedTask(task, {"text": f"text {task}"}),),
            annotations=(annotation,),
        )
    )


def judge(engine: Engine, *found: StoredJudgement) -> None:
    with writing(engine) as connection:
        replace_judgements(connection, PROJECT, {CONTROL: found})


def test_judgements_are_replaced_and_the_least_likely_come_first(database: Engine) -> None:
    for task in (1, 2, 3):
        annotate(database, task)
    judge(database, judgement(1))
    judge(database, judgement(2, quality=0.4), judgement(3, quality=0.2))
    found = Judgements(database).of(PROJECT)
    assert [each.task for each in found] == [3, 2]
    assert [each.is_open for each in found] == [True, True]


def test_a_deleted_annotation_has_no_judgement(database: Engine) -> None:
    annotate(database, 1)
    judge(database, judgement(1))
    ExampleStore(database).record(Changes(PROJECT, CONFIG, deleted_annotations=(1,)))
    assert Judgements(database).of(PROJECT) == []


def test_an_update_after_the_training_closes_a_suspect(database: Engine) -> None:
    annotate(database, 1)
    annotate(database, 2)
    judge(database, judgement(1), judgement(2))
    annotate(database, 1, "Complaint", at=FUTURE)  # the store takes no time after now
    open_ones = open_tasks(Judgements(database).of(PROJECT), "is_suspect")
    assert open_ones == {2}


def test_corrections_and_confirmations_are_told_apart() -> None:
    before = [
        judgement(1, judged_at=1.0, changed_at=2.0),
        judgement(2, judged_at=1.0, changed_at=2.0),
        judgement(3, judged_at=1.0, changed_at=0.5),
        judgement(4, is_suspect=False, is_confirmed=True),
        judgement(5, given="Complaint", is_suspect=False),
    ]
    answers = {task: {CONTROL: ("Praise",)} for task in (2, 3, 4, 5)}
    answers[1] = {CONTROL: ("Complaint",)}
    found = Reviewed.since(before, answers)
    assert found.before == {CONTROL: {1: ("Praise",)}}
    assert found.confirmed == {CONTROL: {2: ("Praise",), 4: ("Praise",)}}


def test_a_confirmed_answer_is_no_suspect_again_until_it_changes() -> None:
    (control,) = parse(CONFIG, Labels(("Negative", "Positive"))).trainable
    reviewed = Reviewed(confirmed={CONTROL: {1: ("Praise",), 2: ("Complaint",)}})
    said = [
        Judgement(task, ("Praise",), ("Complaint",), 0.9, 0.1, is_suspect=True)
        for task in (1, 2, 3)
    ]
    stored = reviewed.stored(control, said)
    assert [each.is_suspect for each in stored] == [False, True, True]
    assert [each.is_confirmed for each in stored] == [True, False, False]


@pytest.fixture
def accepted(database: Engine) -> int:
    """An acceptance of tasks 1 to 10, of which 1 to 4 are left for the audit."""
    tasks = [
        AcceptedTask(task, {CONTROL: ("Praise",)}, is_audited=task <= 4) for task in range(1, 11)
    ]
    found = Acceptances(database).start(PROJECT, "cnn:1", PROMISE, 0.9, tasks)
    return found.id


def test_accepted_answers_are_not_learned_until_a_person_changes_them(
    database: Engine, accepted: int
) -> None:
    store = ExampleStore(database)
    (control,) = parse(CONFIG, Labels(("Negative", "Positive"))).trainable
    annotate(database, 7, seconds=None)
    assert store.answers(PROJECT, [control]) == {}
    assert store.annotation_count(PROJECT) == 0
    assert list(store.annotated(PROJECT)) == []
    annotate(database, 7, "Complaint", seconds=3.0, at=2.0)
    annotate(database, 1, seconds=None)
    assert store.answers(PROJECT, [control]) == {
        1: {CONTROL: ("Praise",)},
        7: {CONTROL: ("Complaint",)},
    }
    Acceptances(database).end(accepted, State.WITHDRAWN)
    annotate(database, 8, seconds=None)
    assert 8 in store.answers(PROJECT, [control])


def test_an_acceptance_remembers_what_it_created(database: Engine, accepted: int) -> None:
    acceptances = Acceptances(database)
    acceptances.note_annotations(accepted, {5: 50, 6: 60})
    found = acceptances.last(PROJECT)
    assert found
    assert (found.state, found.promise) == (State.STARTED, PROMISE)
    created = {each.task: each.annotation for each in acceptances.tasks(accepted)}
    assert (created[5], created[6], created[7]) == (50, 60, None)
    acceptances.end(accepted, State.DONE)
    (done,) = acceptances.all(PROJECT)
    assert done.state is State.DONE
    assert done.ended_at
    acceptances.end(accepted, State.WITHDRAWN)
    assert acceptances.last(PROJECT) is None
    assert acceptances.all(PROJECT) == []


def test_an_audit_compares_people_with_what_was_accepted(database: Engine, accepted: int) -> None:
    acceptance = Acceptances(database).last(PROJECT)
    assert acceptance
    tasks = Acceptances(database).tasks(accepted)
    answers = {1: {CONTROL: ("Praise",)}, 2: {CONTROL: ("Complaint",)}, 9: {CONTROL: ("Other",)}}
    audit = Audit.of(acceptance, tasks, answers)
    assert (audit.audited, audit.wrong, audit.left) == (2, 1, 2)
    assert audit.is_contradicted
    assert "`preannotate accept 1 --do` withdraws it" in str(audit)
    assert not Audit.of(acceptance, tasks, {}).is_contradicted


def test_the_budget_counts_what_people_have_to_do(database: Engine) -> None:
    budgets = Budgets(database, PROMISE)
    for task in range(1, 201):
        annotate(database, task)
    empty = budgets.of(PROJECT)
    assert empty.summary == (
        "200 of 1,000 tasks are annotated, and no training has judged them yet: annotate and train."
    )
    judge(
        database,
        *(
            judgement(task, predicted=("Praise",), score=0.5 + task / 400, is_suspect=task == 1)
            for task in range(1, 200)
        ),
        judgement(200, is_suspect=False, is_disputed=True, given="Praise", score=0.5),
    )
    found = budgets.of(PROJECT)
    assert (found.suspects, found.disputed, found.seconds) == (1, 1, 9.0)
    assert found.accepted + found.to_label == 800
    assert found.accepted > 700
    assert found.summary == (
        f"95 % on all 1,000: label {found.to_label} more, accept {found.accepted}, "
        "review 1 suspect, 1 disputed."
    )
    assert budgets.of(PROJECT, 400).tasks == 400


def test_helping_compares_annotators_who_saw_an_answer_with_others() -> None:
    share = 0.5
    annotations, judgements = [], []
    for task in range(200):
        withheld = is_withheld(PROJECT, task, share)
        # Whoever sees the answer is faster, and takes it; others disagree on every third.
        answer = "Praise" if withheld and task % 3 == 0 else "Complaint"
        annotations.append(
            StoredAnnotation(
                *(task, task, {CONTROL: (answer,)}, False, 7, {}, False),
                *(12.0 + task % 2 if withheld else 8.0 + task % 2, not withheld),
            )
        )
        judgements.append(judgement(task))
    found = helping(PROJECT, annotations, judgements, share)
    assert found
    assert found.prefilled + found.withheld == 200
    assert found.seconds_saved
    assert found.seconds_saved.low <= 4 <= found.seconds_saved.high
    assert found.agreement_added
    assert found.agreement_added.low > 0.1
    assert found.changed == 0
    assert "save" in str(found)
    assert helping(PROJECT, annotations, judgements, 0.0) is None


def test_notes_are_kept_by_project_and_name(database: Engine) -> None:
    notes = ProjectNotes(database)
    assert notes.get(PROJECT, "tab") is None
    notes.set(PROJECT, "tab", {"view": 3})
    notes.set("2.2", "tab", 4)
    notes.set(PROJECT, "tab", {"view": 5})
    assert notes.get(PROJECT, "tab") == {"view": 5}
    notes.set(PROJECT, "tab", None)
    assert notes.get(PROJECT, "tab") is None
    assert notes.get("2.2", "tab") == 4
