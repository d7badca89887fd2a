"""Return reviews to send: from the corpus if it exists, else generated ones of the same lengths."""

import os
import random
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet

# Quantiles of the number of words in the 24,996 labelled reviews of the corpus.
_WORDS_BY_SHARE = (
    (0.0, 10),
    (0.05, 64),
    (0.1, 91),
    (0.25, 127),
    (0.5, 174),
    (0.75, 284),
    (0.9, 458),
    (0.95, 598),
    (0.98, 789),
    (0.99, 913),
    (1.0, 1100),
)
_FREQUENT = (
    "a",
    "the",
    "of",
    "and",
    "to",
    "in",
    "it",
    "is",
    "was",
    "that",
    "with",
    "but",
    "not",
    "as",
)
# 4.6 letters on average, as in the corpus.
_WORDS = (
    *_FREQUENT * 3,
    *("film", "movie", "story", "plot", "scene", "cast", "role", "actor", "ending", "music"),
    *("good", "great", "bad", "dull", "slow", "funny", "warm", "weak", "loud", "sweet", "clever"),
    *("moving", "boring", "charming", "terrible", "wonderful", "brilliant", "disappointing"),
    *("character", "director", "dialogue", "performance", "soundtrack", "screenplay", "audience"),
    *("watch", "laugh", "cry", "like", "love", "hate", "enjoy", "forget", "remember", "recommend"),
    *("never", "always", "almost", "rather", "really", "again", "because", "although", "without"),
)


def corpus_folder() -> Path:
    """Return the folder of the corpus, which need not exist."""
    return Path(os.environ.get("CORPUS", Path(__file__).parents[2] / "shared/data/imdb"))


def has_reviews(folder: Path) -> bool:
    """Return whether the folder holds the corpus."""
    return any(folder.glob("*.parquet"))


def read_reviews(count: int, folder: Path) -> list[str]:
    """Return the first reviews of the folder's first Parquet file, or generated ones."""
    for path in sorted(folder.glob("*.parquet")):
        with pyarrow.parquet.ParquetFile(path) as file:
            texts: list[str] = next(file.iter_batches(count, columns=["text"]))[0].to_pylist()
        return texts
    return generate_reviews(count)


def generate_reviews(count: int, seed: int = 0) -> list[str]:
    """Generate texts with the lengths of the corpus' reviews, the same for the same seed."""
    source = random.Random(seed)
    return [
        " ".join(source.choices(_WORDS, k=words_at(source.random()))) + "." for _ in range(count)
    ]


def words_at(share: float) -> int:
    """Return the quantile (0 to 1) of the number of words in a review of the corpus."""
    for (low, fewer), (high, more) in pairwise(_WORDS_BY_SHARE):
        if share <= high:
            return round(fewer + (more - fewer) * (share - low) / (high - low))
    raise ValueError(f"A share must be between 0 and 1, not {share}.")
