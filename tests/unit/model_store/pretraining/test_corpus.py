"""Reading labelled texts, and splitting them."""

import csv
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from model_store.errors import CorpusError
from model_store.pretraining.corpus import Corpus, Part, part_of, read

ROWS = [('Good, "really".\nTruly 😀', 1), ("bad", 0), ("so so", -1)]


def write_csv(path: Path, rows: list[tuple[object, object]], header: str = "text,label") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        csv.writer(file).writerows(rows)
    return path


def test_a_csv_and_a_parquet_file_give_the_same_corpus(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2, 3], "text": [t for t, _ in ROWS], "label": [n for _, n in ROWS]})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    corpus = read(write_csv(tmp_path / "a.csv", [*ROWS]))
    assert list(zip(corpus.texts, corpus.labels, strict=True)) == ROWS
    assert read(tmp_path / "a.parquet") == corpus
    assert read(tmp_path / "a.parquet").sha256() == corpus.sha256()


def test_labels_may_be_names(tmp_path: Path) -> None:
    rows: list[tuple[object, object]] = [("a", "Positive"), ("b", "negative"), ("c", "")]
    assert read(write_csv(tmp_path / "a.csv", rows)).labels == [1, 0, -1]


def test_a_folder_of_tables_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write_csv(tmp_path / "b.csv", [("bad", 0)])
    write_csv(tmp_path / "a.csv", [("good", 1), ("bad too", 0)])
    write_csv(tmp_path / "notes.txt", [("not", 1)])
    with pytest.raises(CorpusError, match="both labels"):
        read(tmp_path / "b.csv")
    assert read(tmp_path).texts == ["good", "bad too", "bad"]


def test_the_training_half_of_the_published_folder_is_read(tmp_path: Path) -> None:
    for name, text in {
        "train/pos/0_9.txt": "good",
        "train/neg/0_1.txt": "bad",
        "train/unsup/0_0.txt": "none",
        "test/pos/0_9.txt": "not this",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    corpus = read(tmp_path)
    assert set(zip(corpus.texts, corpus.labels, strict=True)) == {
        ("good", 1),
        ("bad", 0),
        ("none", -1),
    }


@pytest.mark.parametrize(
    ("rows", "header", "reason"),
    [
        ([("a", 1), ("b", 7)], "text,label", "row 2"),
        ([("a", 1)], "text,stars", "label"),
        ([], "text,label", "both labels"),
    ],
)
def test_another_table_is_refused_with_the_reason(
    tmp_path: Path, rows: list[tuple[object, object]], header: str, reason: str
) -> None:
    with pytest.raises(CorpusError, match=reason):
        read(write_csv(tmp_path / "a.csv", rows, header))


@pytest.mark.parametrize("name", ["missing.csv", "a.xml", "folder"])
def test_paths_without_a_corpus_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.xml").write_text("<a/>")
    with pytest.raises(CorpusError):
        read(tmp_path / name)


def test_the_part_of_a_text_ignores_its_label_and_outer_white_space() -> None:
    assert part_of("A film.") is part_of("\n A film. ")


def test_parts_have_their_shares() -> None:
    count = Counter(part_of(f"review {n}") for n in range(20_000))
    assert count[Part.HELD_OUT] == pytest.approx(2000, rel=0.1)
    assert count[Part.VALIDATION] == pytest.approx(1000, rel=0.1)


def test_unlabelled_copies_of_held_out_texts_can_be_left_out() -> None:
    unlabelled = Corpus(["seen ", "new"], [-1, -1])
    assert unlabelled.without(Corpus(["seen"], [1])).texts == ["new"]
