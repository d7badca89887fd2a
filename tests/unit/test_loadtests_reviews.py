"""The reviews that the load tests send."""

from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet
import pytest

from loadtests.reviews import generate_reviews, read_reviews, words_at


@pytest.mark.parametrize(("share", "words"), [(0, 10), (0.5, 174), (0.7, 262), (1, 1100)])
def test_lengths_lie_between_the_measured_ones(share: float, words: int) -> None:
    assert words_at(share) == words


def test_generated_reviews_are_as_long_as_those_of_the_corpus() -> None:
    lengths = [len(review.split()) for review in generate_reviews(2000)]
    assert median(lengths) == pytest.approx(174, rel=0.1)


def test_the_same_reviews_are_generated_each_time() -> None:
    assert generate_reviews(5) == generate_reviews(5)


def test_reviews_come_from_the_corpus_where_there_is_one(tmp_path: Path) -> None:
    table = pa.table({"text": ["one", "two", "three"], "label": [0, 1, 1]})
    pa.parquet.write_table(table, tmp_path / "train.parquet")
    assert read_reviews(2, tmp_path) == ["one", "two"]


def test_reviews_are_generated_where_there_is_no_corpus(tmp_path: Path) -> None:
    assert read_reviews(2, tmp_path / "nowhere") == generate_reviews(2)
