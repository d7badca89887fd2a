"""The examples of a project after events in any order and after fetches."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from adapters.learning.examples import Example, ExampleStore
from model_store.serving.database import writing
from tests.processes import all_at_once
from tests.stored import OneChoice, snapshot

PROJECT = "1.1"
CONFIG = "<View/>"

_projects = (f"{number}.2" for number in count())


@pytest.fixture
def store(database: Engine) -> ExampleStore:
    return ExampleStore(database)


def annotated(
    annotation: int = 1,
    choice: str | Sequence[str] = "Positive",
    *,
    task: int = 1,
    at: float = 1.0,
    by: int | None = None,
    cancelled: bool = False,
    project: str = PROJECT,
    data: Mapping[str, Any] | None = None,
) -> Changes:
    chosen = (choice,) if isinstance(choice, str) else tuple(choice)
    return Changes(
        project,
        CONFIG,
        tasks=(AnnotatedTask(task, data or {"text": "a text"}),),
        annotations=(Annotation(annotation, task, {"label": chosen}, cancelled, by, at),),
    )


def deleted(*annotations: int, project: str = PROJECT) -> Changes:
    return Changes(project, CONFIG, deleted_annotations=annotations)


def deleted_task(*tasks: int, project: str = PROJECT) -> Changes:
    return Changes(project, CONFIG, deleted_tasks=tasks)


def choices(store: ExampleStore, project: str = PROJECT) -> dict[int, str]:
    return {example.task: example.choices["label"][0] for example in snapshot(store, project)}


def pretend_it_was_a_minute_ago(database: Engine) -> None:
    """Make all that is stored older, as if the events had come a minute ago."""
    with writing(database) as connection:
        for table in ("annotations", "tasks"):
            connection.execute(text(f"UPDATE {table} SET updated_at = updated_at - 60"))


def api_task(task: int, *annotations: tuple[int, str, float]) -> dict[str, Any]:
    """Return a task as Label Studio's API sends it; annotations: (id, choice, time)."""
    return {
        "id": task,
        "data": {"text": f"text {task}"},
        "annotations": [
            {
                "id": number,
                "result": [
                    {"type": "choices", "from_name": "label", "value": {"choices": [choice]}}
                ],
                "was_cancelled": False,
                "updated_at": datetime.fromtimestamp(at, UTC).isoformat(),
                "completed_by": number,
            }
            for number, choice, at in annotations
        ],
    }


_labels = st.sampled_from(["Positive", "Negative"])
_histories = st.dictionaries(
    st.integers(1, 6),  # annotations
    st.tuples(
        st.integers(1, 3),  # the task
        st.one_of(st.none(), st.integers(1, 2)),  # the annotator
        st.lists(st.tuples(_labels, st.booleans()), min_size=1, max_size=3),
        st.booleans(),  # deleted in the end
    ),
    max_size=6,
)


def _events(history: Mapping[int, Any], gone: set[int], project: str) -> Iterator[Changes]:
    """Return events in the order in which Label Studio sends them."""
    for annotation, (task, annotator, states, is_deleted) in history.items():
        for number, (choice, cancelled) in enumerate(states):
            yield annotated(
                annotation,
                choice,
                task=task,
                at=10.0 * number + annotation,
                by=annotator,
                cancelled=cancelled,
                project=project,
                data={"text": f"text {task}"},
            )
        if is_deleted:
            yield deleted(annotation, project=project)
    yield from (deleted_task(task, project=project) for task in gone)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=_histories, gone=st.sets(st.integers(1, 3), max_size=1), data=st.data())
def test_events_in_any_order_and_repeated_end_in_the_same_examples(
    store: ExampleStore, history: Mapping[int, Any], gone: set[int], data: st.DataObject
) -> None:
    here, there = next(_projects), next(_projects)
    in_order = list(_events(history, gone, here))
    again = data.draw(st.lists(st.integers(0, max(0, len(in_order) - 1)), max_size=5))
    shuffled = data.draw(st.permutations([*range(len(in_order)), *again] if in_order else []))
    for event in in_order:
        store.record(event)
    others = list(_events(history, gone, there))
    # A deletion of what no event has named changes nothing, so each one comes again when all is
    # known; events that were sent before it may still come after it.
    deletions = [number for number, event in enumerate(in_order) if not event.annotations]
    late = shuffled[:5]
    for number in (*shuffled, *deletions, *late):
        store.record(others[number])
    assert snapshot(store, there) == snapshot(store, here)
    assert store.annotation_count(there) == store.annotation_count(here)
    assert not gone & {example.task for example in snapshot(store, here)}


def test_an_annotation_becomes_an_example(store: ExampleStore) -> None:
    store.record(annotated(data={"text": "a text", "other": [1, None, {"deep": True}]}))
    data = {"text": "a text", "other": [1, None, {"deep": True}]}
    assert snapshot(store, PROJECT) == [Example(1, data, {"label": ("Positive",)})]
    assert store.label_config(PROJECT) == CONFIG


def test_projects_do_not_touch_each_other(store: ExampleStore) -> None:
    store.record(annotated(project="1.1"))
    store.record(annotated(choice="Negative", project="1.2"))
    store.record(deleted(1, project="1.3"))
    assert (choices(store, "1.1"), choices(store, "1.2")) == ({1: "Positive"}, {1: "Negative"})
    assert snapshot(store, "1.3") == []
    assert store.label_config("1.4") is None


def test_the_newest_state_of_an_annotation_wins(store: ExampleStore) -> None:
    store.record(annotated(choice="Negative", at=2))
    store.record(annotated(choice="Positive", at=1))
    assert choices(store) == {1: "Negative"}


def test_a_deletion_of_unknown_ids_leaves_no_trace(store: ExampleStore, database: Engine) -> None:
    """Whoever guesses the next ids could delete annotations that do not exist yet."""
    store.record(deleted(*range(1200)))
    store.record(deleted_task(*range(1200)))
    with database.connect() as connection:
        for table in ("annotations", "tasks"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0
    store.record(annotated(1))
    assert choices(store) == {1: "Positive"}


def test_a_deletion_of_thousands_of_annotations_deletes_them_all(store: ExampleStore) -> None:
    store.record(
        Changes(
            PROJECT,
            tasks=tuple(AnnotatedTask(n, {}) for n in range(1200)),
            annotations=tuple(
                Annotation(n, n, {"label": ("x",)}, cancelled=False, annotator=1, updated_at=1)
                for n in range(1200)
            ),
        )
    )
    store.record(deleted(*range(1100)))
    assert store.annotation_count(PROJECT) == 100
    store.record(deleted_task(*range(1190)))
    assert store.annotation_count(PROJECT) == 10


def test_a_deleted_annotation_returns_when_it_is_changed_afterwards(store: ExampleStore) -> None:
    """Label Studio never changes what it has deleted: such a deletion came from somebody else."""
    store.record(annotated(at=time.time() - 60))
    store.record(deleted(1))
    store.record(annotated(choice="Negative", at=time.time() - 30))
    assert choices(store) == {}
    store.record(annotated(choice="Negative", at=time.time()))
    assert choices(store) == {1: "Negative"}


def test_a_deleted_task_returns_when_it_is_annotated_afterwards(store: ExampleStore) -> None:
    store.record(annotated(1, at=time.time() - 60))
    store.record(deleted_task(1))
    store.record(annotated(2, "Negative", at=time.time(), data={"text": "again"}))
    assert snapshot(store, PROJECT) == [Example(1, {"text": "again"}, {"label": ("Negative",)})]


def test_a_fetch_overrules_what_events_said_before(store: ExampleStore, database: Engine) -> None:
    """Also deletions, swapped labels, other texts, and annotations that do not exist."""
    before = time.time() - 3600
    for number in range(1, 5):
        store.record(annotated(number, task=number, at=before))
    store.record(annotated(5, task=5))
    store.record(deleted(1))
    store.record(deleted_task(2))
    store.record(annotated(3, "Negative", task=3, at=time.time(), data={"text": "another"}))
    pretend_it_was_a_minute_ago(database)
    pages = [[api_task(number, (number, "Positive", before)) for number in range(1, 5)]]
    assert store.replace(PROJECT, CONFIG, pages) == 0
    assert choices(store) == dict.fromkeys(range(1, 5), "Positive")
    assert [e.data for e in snapshot(store, PROJECT)] == [
        {"text": f"text {n}"} for n in range(1, 5)
    ]


def test_a_date_in_the_future_counts_as_now(store: ExampleStore) -> None:
    future = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
    store.record(Changes(PROJECT, "<Frozen/>", updated_at=future))
    store.record(annotated(choice="Negative", at=future, data={"text": "frozen"}))
    store.record(Changes(PROJECT, "<New/>", updated_at=time.time()))
    store.record(annotated(at=time.time(), data={"text": "new"}))
    assert store.label_config(PROJECT) == "<New/>"
    assert snapshot(store, PROJECT) == [Example(1, {"text": "new"}, {"label": ("Positive",)})]


def test_the_annotations_of_a_deleted_task_are_deleted_even_late_ones(store: ExampleStore) -> None:
    store.record(annotated(1, task=1))
    store.record(annotated(2, task=2))
    store.record(deleted_task(1))
    store.record(annotated(3, task=1, at=9))
    assert choices(store) == {2: "Positive"}
    assert store.annotation_count(PROJECT) == 1


def test_a_skipped_task_becomes_an_example_when_it_is_annotated(store: ExampleStore) -> None:
    store.record(annotated(cancelled=True, at=1))
    assert snapshot(store, PROJECT) == []
    store.record(annotated(at=2))
    assert choices(store) == {1: "Positive"}


def test_the_majority_of_annotators_decides(store: ExampleStore) -> None:
    store.record(annotated(1, "Positive", by=1))
    store.record(annotated(2, "Negative", by=2))
    (tied,) = snapshot(store, PROJECT)
    assert tied.choices == {}
    assert tied.votes == {"label": {1: ("Positive",), 2: ("Negative",)}}
    store.record(annotated(3, "Negative", by=3))
    assert choices(store) == {1: "Negative"}


def test_the_last_annotation_of_each_annotator_counts(store: ExampleStore) -> None:
    for number in range(3):
        store.record(annotated(number, "Positive", by=1, at=number))
    store.record(annotated(3, "Negative", by=1, at=9))
    assert choices(store) == {1: "Negative"}


def test_the_ground_truth_decides_against_the_majority(store: ExampleStore) -> None:
    for number, annotator in ((1, 7), (2, 8)):
        store.record(annotated(number, by=annotator))
    truth = Annotation(3, 1, {"label": ("Negative",)}, False, 9, 1.0, ground_truth=True)
    store.record(Changes(PROJECT, annotations=(truth,)))
    assert choices(store) == {1: "Negative"}
    store.record(Changes(PROJECT, annotations=(replace(truth, ground_truth=False),)))
    assert choices(store) == {1: "Positive"}


def test_annotations_without_an_annotator_count_separately(store: ExampleStore) -> None:
    store.record(annotated(1, "Positive"))
    store.record(annotated(2, "Positive"))
    store.record(annotated(3, "Negative", at=9))
    assert choices(store) == {1: "Positive"}


def test_an_annotation_with_several_choices_does_not_count(store: ExampleStore) -> None:
    store.record(annotated(1, ["Positive", "Negative"], by=1))
    assert snapshot(store, PROJECT) == []


def test_each_control_has_a_majority_of_its_own(store: ExampleStore) -> None:
    votes = [{"a": ("x",), "b": ("y",)}, {"a": ("x",), "b": ("z",)}]
    annotations = [
        Annotation(number, 1, chosen, cancelled=False, annotator=number, updated_at=1)
        for number, chosen in enumerate(votes)
    ]
    store.record(Changes(PROJECT, tasks=(AnnotatedTask(1, {}),), annotations=tuple(annotations)))
    assert [example.choices for example in snapshot(store, PROJECT)] == [{"a": ("x",)}]


def test_the_newest_data_of_a_task_wins(store: ExampleStore) -> None:
    first, second = annotated(1, by=1, at=5).annotations, annotated(2, by=2, at=3).annotations
    store.record(
        Changes(PROJECT, tasks=(AnnotatedTask(1, {"text": "new"}),), annotations=(*first, *second))
    )
    store.record(annotated(3, by=3, at=4, data={"text": "old"}))
    assert [example.data for example in snapshot(store, PROJECT)] == [{"text": "new"}]


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\udfff\ud800", "😀", "\u2028", "'\"\\"])
def test_any_text_is_stored_unchanged(store: ExampleStore, text: str) -> None:
    store.record(annotated(choice=text, data={"text": text, text: 1}))
    assert snapshot(store, PROJECT) == [Example(1, {"text": text, text: 1}, {"label": (text,)})]


def test_large_numbers_are_stored_unchanged(store: ExampleStore) -> None:
    number = 2**63 - 1
    store.record(annotated(number, task=number, by=number, data={"n": 10**30}))
    assert [(e.task, e.data) for e in snapshot(store, PROJECT)] == [(number, {"n": 10**30})]


def test_an_older_labeling_config_does_not_replace_a_newer_one(store: ExampleStore) -> None:
    store.record(Changes(PROJECT, "<New/>", updated_at=2))
    store.record(Changes(PROJECT, "<Old/>", updated_at=1))
    assert store.label_config(PROJECT) == "<New/>"


def test_skipped_and_deleted_annotations_are_not_counted(store: ExampleStore) -> None:
    for number in range(5):
        store.record(annotated(number, task=number))
    store.record(annotated(5, cancelled=True))
    store.record(deleted(0))
    store.record(deleted_task(1))
    assert store.annotation_count(PROJECT) == 3


def test_a_fetch_stores_all_pages(store: ExampleStore) -> None:
    pages = [
        [api_task(1, (1, "Positive", 1), (2, "Positive", 1)), api_task(2, (3, "Negative", 1))],
        [api_task(3, (4, "Negative", 1)), api_task(4)],
    ]
    assert store.replace(PROJECT, CONFIG, pages) == 0
    assert choices(store) == {1: "Positive", 2: "Negative", 3: "Negative"}
    assert store.annotation_count(PROJECT) == 4
    assert store.label_config(PROJECT) == CONFIG


def test_a_fetch_finds_deletions_without_an_event(store: ExampleStore) -> None:
    store.record(annotated(1, task=1))
    store.record(annotated(2, task=2))
    store.record(annotated(2, task=2, project="2.2"))
    store.replace(PROJECT, CONFIG, [[api_task(1, (1, "Positive", 1))]])
    assert choices(store) == {1: "Positive"}
    assert choices(store, "2.2") == {2: "Positive"}


def test_a_late_event_does_not_restore_an_annotation_that_a_fetch_missed(
    store: ExampleStore,
) -> None:
    store.record(annotated(1))
    store.replace(PROJECT, CONFIG, [])
    store.record(annotated(1))
    assert snapshot(store, PROJECT) == []


def test_a_change_restores_an_annotation_that_a_fetch_missed(store: ExampleStore) -> None:
    store.record(annotated(1))
    store.replace(PROJECT, CONFIG, [])
    store.record(annotated(1, at=time.time() + 1))
    assert choices(store) == {1: "Positive"}


def test_a_fetch_restores_an_annotation_that_an_earlier_one_missed(store: ExampleStore) -> None:
    page = [api_task(1, (1, "Positive", 1))]
    for pages in ([page], [], [page]):
        store.replace(PROJECT, CONFIG, pages)
    assert choices(store) == {1: "Positive"}


def test_a_fetch_does_not_restore_an_annotation_that_was_deleted_during_it(
    store: ExampleStore,
) -> None:
    def pages() -> Iterator[list[dict[str, Any]]]:
        page = [api_task(1, (1, "Positive", 1))]
        store.record(deleted(1))
        yield page

    store.record(annotated(1))
    store.replace(PROJECT, CONFIG, pages())
    assert snapshot(store, PROJECT) == []


@pytest.mark.parametrize("skew", [-3600.0, 0.0, 3600.0])
def test_an_annotation_that_arrives_during_a_fetch_stays(store: ExampleStore, skew: float) -> None:
    def pages() -> Iterator[list[dict[str, Any]]]:
        yield [api_task(1, (1, "Positive", 1))]
        store.record(annotated(2, "Negative", task=2, at=time.time() + skew))
        store.record(annotated(1, "Negative", task=1, at=time.time() + skew))
        yield [api_task(3, (3, "Positive", 1))]

    store.replace(PROJECT, CONFIG, pages())
    assert choices(store) == {1: "Negative", 2: "Negative", 3: "Positive"}


def test_an_annotation_that_arrived_just_before_a_fetch_stays(store: ExampleStore) -> None:
    store.record(annotated(1, at=time.time() - 0.1))
    store.replace(PROJECT, CONFIG, [])
    assert choices(store) == {1: "Positive"}


def test_an_interrupted_fetch_deletes_nothing(store: ExampleStore) -> None:
    def pages() -> Iterator[list[dict[str, Any]]]:
        yield [api_task(2, (2, "Negative", 1))]
        raise ConnectionError

    store.record(annotated(1))
    with pytest.raises(ConnectionError):
        store.replace(PROJECT, CONFIG, pages())
    assert choices(store) == {1: "Positive", 2: "Negative"}


def test_malformed_tasks_are_counted_and_the_others_stored(
    store: ExampleStore,
) -> None:
    store.record(annotated(1, task=1))
    store.record(annotated(2, task=2))
    store.record(annotated(9, task=9))
    pages = [
        [{**api_task(1, (1, "Negative", 2)), "data": "a secret"}, api_task(3, (3, "Negative", 1))],
        [api_task(4, (4, "Negative", 1))],
        [api_task(2, (2, "Negative", 2), (5, "Negative", 2))],
    ]
    pages[2][0]["annotations"][1]["updated_at"] = "yesterday"
    assert store.replace(PROJECT, CONFIG, pages) == 2
    assert choices(store) == {1: "Positive", 2: "Positive", 3: "Negative", 4: "Negative"}


def test_a_sample_has_the_data_of_its_examples_and_says_how_many_there_are(
    store: ExampleStore,
) -> None:
    for number in range(9):
        store.record(annotated(number, task=number, data={"text": f"text {number}"}))
    examples, total = store.sample(PROJECT, [OneChoice("label")], 3)
    assert (len(examples), total) == (6, 9), "rare labels double the sample at most"
    assert [each for each in snapshot(store, PROJECT) if each in examples] == examples


def test_examples_have_the_answers_of_a_majority_of_valid_annotations(store: ExampleStore) -> None:
    store.record(annotated(1, "Positive", task=1, by=1))
    store.record(annotated(2, "Negative", task=1, by=2))
    store.record(annotated(3, "Negative", task=2, by=1))
    store.record(annotated(4, "Positive", task=2, by=1, at=2))
    store.record(annotated(5, "Positive", task=3, cancelled=True))
    store.record(annotated(6, "Negative", task=4))
    store.record(deleted_task(4))
    tied, decided = snapshot(store, PROJECT)
    assert tied.choices == {}
    assert decided.choices == {"label": ("Positive",)}
    assert decided.votes == {}, "only one annotator answered"


WRITE_BULK = """
    import random, sys
    from adapters.label_studio.events import Annotation, Changes, AnnotatedTask
    from adapters.learning.examples import ExampleStore
    from model_store.serving.database import connect

    store = ExampleStore(connect(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    numbers = list(range(60))
    for second in range(10):
        random.shuffle(numbers)
        store.record(
            Changes(
                "1.1",
                tasks=tuple(AnnotatedTask(n, {}) for n in numbers),
                annotations=tuple(
                    Annotation(n, n, {"label": (f"{second}",)}, False, 1, float(second))
                    for n in numbers
                ),
            )
        )
    print("done", flush=True)
"""


def test_bulk_events_of_the_same_annotations_do_not_deadlock(
    store: ExampleStore, database_url: str
) -> None:
    answers = all_at_once(WRITE_BULK, database_url, count=3)
    assert answers == ["done\n"] * 3
    assert choices(store) == dict.fromkeys(range(60), "9")
