"""Reading labelled texts, and splitting them."""

import csv
import gzip
import json
import os
import threading
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from model_store.errors import CorpusError
from model_store.pretraining.corpus import Corpus, Part, part_of, read
from model_store.pretraining.labelled_files import Columns

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
        ([("a", 1), ("b", 7)], "text,label", "line 3: .*another label"),
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", b"review\tsentiment\ngood, really\tPositive\nbad\tNegative\n"),
        ("a.csv", b'Review;Sentiment\n"good, really";1.0\nbad;0.0\n'),
        ("a.csv.gz", gzip.compress(b'text,label\n"good, really",pos\nbad,neg\n', mtime=0)),
        ("a.jsonl", b'{"review": "good, really", "label": 1}\n{"review": "bad", "label": 0}\n'),
        ("a.csv", b'id,text,label\r\n1,"good, really",Positive\r\n2,bad,Negative\r\n'),
    ],
)
def test_what_preannotate_reads_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    corpus = read(tmp_path / name)
    assert (corpus.texts, corpus.labels) == (["good, really", "bad"], [1, 0])
    assert not corpus.rejected


def test_the_reviews_of_the_repository_are_read() -> None:
    corpus = read(Path(__file__).parents[4] / "examples" / "reviews.csv")
    assert len(corpus.labelled()) == 100


def test_columns_can_be_named_and_otherwise_those_of_the_file_are_listed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("good", 1), ("bad", 0)], "what,stars")
    assert read(path, Columns("what", "stars")).labels == [1, 0]
    with pytest.raises(CorpusError, match=r"--text, of 'what', 'stars'"):
        read(path)
    with pytest.raises(CorpusError, match=r"no column 'who': .*--label"):
        read(path, Columns("what", "who"))


def test_rows_that_cannot_be_used_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(
        b'text,label\ngood,1\n"stray" quote,1\n,0\nb\xff,0\nfine,5\nbad,0\n'
    )
    corpus = read(tmp_path / "a.csv")
    assert (corpus.texts, corpus.labels) == (["good", "bad"], [1, 0])
    assert [(row.number, row.reason) for row in corpus.rejected] == [
        (3, "has quotes that do not match"),
        (4, 'column "text" is empty'),
        (5, "is not text in the encoding of the file: name another with --encoding"),
        (6, 'column "label" holds another label than Negative, Positive, or their numbers'),
    ]
    assert "b\xff" in read(tmp_path / "a.csv", encoding="latin-1").texts


def test_a_review_of_the_published_folder_in_another_encoding_is_left_out(tmp_path: Path) -> None:
    for name, content in {
        "pos/1.txt": b"good",
        "pos/2.txt": b"sch\xf6n",
        "neg/1.txt": b"bad",
    }.items():
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / name).write_bytes(content)
    corpus = read(tmp_path)
    assert sorted(corpus.texts) == ["bad", "good"]
    assert [Path(row.file).name for row in corpus.rejected] == ["2.txt"]
    assert "schön" in read(tmp_path, encoding="latin-1").texts


def test_a_pipe_is_read_as_csv(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(
        target=(tmp_path / "pipe").write_bytes, args=(b"text,label\ngood,1\nbad,0\n",)
    )
    writer.start()
    assert read(tmp_path / "pipe").labels == [1, 0]
    writer.join()


def test_the_class_names_of_a_data_set_come_before_the_numbers(tmp_path: Path) -> None:
    names = {"info": {"features": {"label": {"names": ["pos", "neg"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["good", "bad", "unknown"], "label": [0, 1, -1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(names)})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").labels == [1, 0, -1]
