"""Feature blocks are kept in files that a person can read, and that are checked when loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model_store import block_files, manifests
from model_store.errors import ArtifactError
from model_store.model.blocks.embedding import StaticEmbedding
from model_store.model.blocks.ngrams import Ngrams

TEXTS = ["a good film", "good films", "\x85\u2028 odd", ""]


def saved_embedding(folder: Path) -> StaticEmbedding:
    embedding = StaticEmbedding(["good", "film", "##s", "\x85"], torch.eye(4))
    block_files.save_embedding(folder, embedding)
    return embedding


def test_an_embedding_is_the_same_after_loading(tmp_path: Path) -> None:
    embedding = saved_embedding(tmp_path)
    assert torch.equal(block_files.load_embedding(tmp_path)(TEXTS), embedding(TEXTS))


def test_ngrams_are_the_same_after_loading(tmp_path: Path) -> None:
    ngrams = Ngrams.fit([*TEXTS, *TEXTS])
    block_files.save_ngrams(tmp_path / "ngrams.txt", ngrams)
    again = block_files.load_ngrams(tmp_path / "ngrams.txt")
    assert again.vocabulary == ngrams.vocabulary
    assert torch.equal(again(TEXTS), ngrams(TEXTS))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "No such file"),
        (_cut, "it is cut short"),
        (lambda path: path.write_bytes(b"\xff"), "it is not UTF-8"),
        (lambda path: path.write_text("cat\n"), "its first line is not"),
        (lambda path: path.write_text(f"{block_files.NGRAMS_HEADER}\nx\tcat\n"), "could not"),
        (lambda path: path.write_text(f"{block_files.NGRAMS_HEADER}\nnan\tcat\n"), "finite"),
    ],
)
def test_damaged_ngrams_are_refused_by_name(
    tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "ngrams.txt"
    block_files.save_ngrams(path, Ngrams.fit([*TEXTS, *TEXTS]))
    damage(path)
    with pytest.raises(ArtifactError, match=rf"ngrams\.txt.*{reason}"):
        block_files.load_ngrams(path)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"vectors": torch.zeros(3, 2)}, "one vector for each of the 4 pieces"),
        ({"vectors": torch.zeros(4)}, "one vector for each"),
        ({"other": torch.zeros(4, 2)}, "one vector for each"),
        ({"vectors": torch.full((4, 2), torch.inf)}, "not a finite number"),
        ({"vectors": torch.zeros(4, 2, dtype=torch.int8)}, "not a finite number"),
    ],
)
def test_wrong_vectors_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], reason: str
) -> None:
    saved_embedding(tmp_path)
    (tmp_path / manifests.VECTORS).unlink()
    save_file(tensors, tmp_path / manifests.VECTORS)
    with pytest.raises(ArtifactError, match=reason):
        block_files.load_embedding(tmp_path)


def test_the_embedding_that_ships_knows_that_words_are_alike() -> None:
    embedding = block_files.load_embedding(block_files.SHIPPED)
    vectors = embedding(["The cat sleeps.", "A kitten is asleep.", "Interest rates rise."])
    near, far = (
        vectors[0, : embedding.width // 2] @ vectors[1:, : embedding.width // 2].T
    ).tolist()
    assert near > far + 0.2
