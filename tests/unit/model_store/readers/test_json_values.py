"""JSON and JSONL are split like a parser would; a bad value rejects only itself."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.readers import json_values
from model_store.readers.rows import RowError, Table, Unreadable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CONTAINERS = st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3)


def texts_of(text: str) -> list[Any]:
    return list(json_values.split(io.StringIO(text).read))


def outcomes(table: Table) -> list[Any]:
    result = []
    for row in table.rows:
        try:
            reason = row.raw.reason if isinstance(row.raw, Unreadable) else None
            result.append((row.number, reason or table.decode(row.raw)))
        except RowError as error:
            result.append((row.number, str(error)))
    return result


def read_json(text: str) -> list[Any]:
    return outcomes(json_values.read_values(io.StringIO(text).read))


def read_jsonl(*lines: str | None) -> list[Any]:
    return outcomes(json_values.read_lines(iter(enumerate(lines, start=1))))


@pytest.fixture(params=[1, 7, 256 * 1024])
def _in_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "_READ_CHARACTERS", request.param)


@settings(max_examples=40)
@given(
    values=st.lists(VALUES, max_size=4),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
    piece=st.integers(1, 9),
)
def test_an_array_is_split_into_the_values_that_json_finds(
    values: list[Any], indent: int | None, ascii_only: bool, piece: int
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "_READ_CHARACTERS", piece)
        assert [json.loads(item) for item in texts_of(text)] == values


@settings(max_examples=40)
@given(st.lists(CONTAINERS, min_size=1, max_size=4), st.sampled_from(["", " ", "\n"]))
def test_concatenated_values_are_split(values: list[Any], between: str) -> None:
    if isinstance(values[0], list):
        values = [{}, *values]
    text = between.join(map(json.dumps, values))
    assert [json.loads(item) for item in texts_of(text)] == values


@pytest.mark.usefixtures("_in_pieces")
def test_an_invalid_value_rejects_no_other() -> None:
    text = '[{"a": 1}, {"a": tru}, {"b": "]},["}, 5, {"c": "\\"\\\\"}]'
    assert read_json(text) == [
        (1, {"a": 1}),
        (2, "is not valid JSON in UTF-8"),
        (3, {"b": "]},["}),
        (4, "is not a JSON object"),
        (5, {"c": '"\\'}),
    ]


@pytest.mark.usefixtures("_in_pieces")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ('[{"a": 1}, {"a": ', "cut off"),
        ('[{"a": 1},', "cut off"),
        ('[{"a": 1}', "cut off"),
        ('{"a": 1} {"a"', "cut off"),
        ('[{"a": 1}] {"a": 2}', "after the end"),
        ('[{"a": 1},]', "not valid"),
    ],
)
def test_a_problem_at_the_end_of_the_file_is_reported(text: str, reason: str) -> None:
    number, last = read_json(text)[-1]
    assert reason in last
    assert number == (2 if "1" in text else 1)


@pytest.mark.parametrize("text", ["[]", " [ \n] "])
def test_an_empty_array_has_no_rows(text: str) -> None:
    assert read_json(text) == []


def test_too_deeply_nested_values_reject_only_their_row() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    (_, bad), (_, good) = read_json(f'[{{"a": {deep}}}, {{"a": 1}}]')
    assert "not valid" in bad
    assert good == {"a": 1}


def test_a_bad_line_rejects_no_other() -> None:
    assert read_jsonl('{"a": 1}\n', "\n", "{\n", None, '"\udcff"\n', "[1]\n", '{"a": 2}') == [
        (1, {"a": 1}),
        (3, "is not valid JSON in UTF-8"),
        (4, "is longer than 33,554,432 characters"),
        (5, "is not valid JSON in UTF-8"),
        (6, "is not a JSON object"),
        (7, {"a": 2}),
    ]


def test_a_value_that_is_too_long_rejects_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "MAX_CHARACTERS", 20)
    monkeypatch.setattr(json_values, "_READ_CHARACTERS", 8)
    (_, bad), (_, good) = read_json(f'[{{"a": "{"x" * 50}"}}, {{"b": 1}}]')
    assert "longer than" in bad
    assert good == {"b": 1}


BAD = "is not valid JSON in UTF-8"


@pytest.mark.usefixtures("_in_pieces")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("damaged", [0, 1, 3])
def test_a_missing_quote_in_an_object_on_a_line_costs_only_that_object(
    damaged: int, end: str
) -> None:
    rows = [{"id": number, "review": f"text, {number}"} for number in range(4)]
    lines = [json.dumps(row) for row in rows]
    lines[damaged] = lines[damaged].replace('"}', "}")
    expected = [(n, BAD if n == damaged + 1 else row) for n, row in enumerate(rows, start=1)]
    assert read_json(f"[{end}{f',{end}'.join(lines)}{end}]{end}") == expected
    assert read_json("[" + f",{end}".join(lines) + f"{end}]") == expected
    assert read_json(end.join(lines) + end) == expected or damaged == len(rows) - 1


@pytest.mark.usefixtures("_in_pieces")
def test_a_line_end_inside_a_string_costs_only_that_object() -> None:
    text = '[\n{"a": "x\ny"},\n{"a": 1}\n]'
    assert read_json(text) == [(1, BAD), (2, {"a": 1})]


@pytest.mark.usefixtures("_in_pieces")
def test_an_indented_object_with_a_missing_quote_costs_only_itself() -> None:
    text = json.dumps([{"a": "x", "b": [{"c": 1}]}, {"a": "y"}], indent=1).replace('"x"', '"x')
    assert read_json(text) == [(1, BAD), (2, {"a": "y"})]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"n": 12345678901234567890123, "f": 1.5}', {"n": 12345678901234567890123, "f": 1.5}),
        ('{"n": [{"m": -92233720368547758089}]}', {"n": [{"m": -92233720368547758089}]}),
        ('{"n": NaN, "m": [Infinity, -Infinity]}', {"n": None, "m": [None, None]}),
        ('{"a": "\\ud83d"}', "holds half of a character: a surrogate without its other half"),
        (
            '{"review": ["a", "b"], "label": [0, 1]}',
            "holds columns instead of rows: write an object for each row, as orient='records' does",
        ),
        (
            '{"review": {"0": "a", "1": "b"}, "label": {"0": 0, "1": 1}}',
            "holds columns instead of rows: write an object for each row, as orient='records' does",
        ),
        ('{"a": ["x", "y"], "b": ["z"]}', {"a": ["x", "y"], "b": ["z"]}),
    ],
)
def test_values_are_those_that_label_studio_reads(text: str, fields: object) -> None:
    assert read_jsonl(text) == [(1, fields)]
    assert read_json(text) == [(1, fields)]


def damaged_rows(damaged: int, damage: tuple[str, str], indent: int | None = None) -> Any:
    """Return the objects of an array as text, one of them damaged, and the expected outcomes."""
    rows = [{"id": n, "tags": [{"x": 1}, {"y": {}}], "review": f"t, {n}"} for n in range(4)]
    objects = [json.dumps(row, indent=indent) for row in rows]
    head, old, tail = objects[damaged].rpartition(damage[0])
    assert old
    objects[damaged] = head + damage[1] + tail
    return objects, [(n, BAD if n == damaged + 1 else row) for n, row in enumerate(rows, 1)]


@pytest.mark.usefixtures("_in_pieces")
@pytest.mark.parametrize("damaged", [0, 3])
@pytest.mark.parametrize(
    "damage",
    [
        *[("}", ""), ("}", "}}"), ("}", "}}}"), ("}", "]"), ("}", "]}")],
        *[("}}]", "}]"), ("}]", "}"), ("[{", "{"), ("[{", "[{{")],
        *[("{", "{{"), ("]", "]]")],
    ],
)
def test_a_missing_or_additional_bracket_in_an_object_on_a_line_costs_only_that_object(
    damaged: int, damage: tuple[str, str]
) -> None:
    objects, expected = damaged_rows(damaged, damage)
    assert read_json("[\n" + ",\n".join(objects) + "\n]\n") == expected


@pytest.mark.usefixtures("_in_pieces")
@pytest.mark.parametrize("damaged", [0, 3])
@pytest.mark.parametrize("damage", [("}", ""), ("}", "}}"), ("}\n  }", "\n }")])
def test_a_missing_or_additional_brace_in_an_indented_object_costs_only_that_object(
    damaged: int, damage: tuple[str, str]
) -> None:
    objects, expected = damaged_rows(damaged, damage, indent=1)
    assert read_json("[\n" + ",\n".join(objects) + "\n]\n") == expected


@pytest.mark.parametrize("damaged", [0, 2])
def test_a_missing_brace_costs_only_that_object_where_no_array_holds_them(damaged: int) -> None:
    objects, expected = damaged_rows(damaged, ("}", ""))
    assert read_json("\n".join(objects)) == expected


def test_a_brace_on_a_line_of_its_own_is_no_damage() -> None:
    text = '[\n{\n"a":\n{\n"b":\n[\n{\n"c": 1\n}\n,\n{\n}\n]\n}\n}\n,\n{\n"a": 2\n}\n]'
    assert read_json(text) == [(1, {"a": {"b": [{"c": 1}, {}]}}), (2, {"a": 2})]


@pytest.mark.usefixtures("_in_pieces")
@pytest.mark.parametrize("damage", [("}", "}],"), ("}}]", "}}}]"), ("}", "}]")])
def test_a_bracket_that_seems_to_end_the_array_costs_no_other_object(
    damage: tuple[str, str],
) -> None:
    objects, expected = damaged_rows(1, damage)
    found = [row for _, row in read_json("[\n" + ",\n".join(objects) + "\n]") if row != BAD]
    others = [row for _, row in expected if row != BAD]
    assert [row for row in found if row in others] == others
