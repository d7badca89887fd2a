"""The vocabulary maps tokens to torchtext's ids, and its file round-trips."""

from collections import Counter
from pathlib import Path

import pytest
from torchtext.vocab import Vocab

from model_store.errors import ArtifactError
from model_store.model.tokenizer import tokenize
from model_store.model.vocabulary import HEADER, Vocabulary
from model_store.pretraining.corpus import read

TOKENS = ("<unk>", "<pad>", "good", "film", "😀", "a\0b", "\u200b")


@pytest.mark.slow
def test_ids_are_those_of_torchtext(corpus: Path) -> None:
    texts = read(corpus / "train.parquet").texts[:3000]
    counter = Counter(token for text in texts for token in tokenize(text))
    reference = Vocab(counter, min_freq=5, specials=("<unk>", "<pad>"))
    vocabulary = Vocabulary(reference.itos)
    for text in texts:
        tokens = tokenize(text)
        assert vocabulary.encode(tokens).tolist() == [reference[token] for token in tokens]


def test_an_unknown_token_gets_the_id_of_unk() -> None:
    assert Vocabulary(TOKENS).encode(["film", "cinema", "<pad>"]).tolist() == [3, 0, 1]


def test_a_saved_vocabulary_loads_unchanged(tmp_path: Path) -> None:
    Vocabulary(TOKENS).save(tmp_path / "vocabulary.txt")
    assert Vocabulary.load(tmp_path / "vocabulary.txt").tokens == TOKENS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "header"),
        (b"<unk>\n<pad>\n", "first line"),
        (f"{HEADER}\n<unk>\n<pad>\ngo".encode(), "cut short"),
        (f"{HEADER}\n<pad>\n<unk>\n".encode(), "first two tokens"),
        (f"{HEADER}\n<unk>\n<pad>\na\na\n".encode(), "twice"),
        (f"{HEADER}\n<unk>\n<pad>\n\n".encode(), "empty"),
        (b"\xff\n", "UTF-8"),
    ],
)
def test_another_file_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=reason):
        Vocabulary.load(path)
