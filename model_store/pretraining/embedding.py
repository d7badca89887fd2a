"""Distil the static embedding that ships from a sentence transformer.

    python -m model_store.pretraining.embedding TRANSFORMER TEXTS OUT

TRANSFORMER is the folder of a sentence transformer, TEXTS a file with a sentence a line. The vector
of a word piece is the mean of its last layer over all sentences (Bommasani et al., 2020), mapped
linearly so that the mean of a sentence's pieces comes near its sentence vector, shortened for
frequent pieces (Arora et al., 2017), and reduced to the principal components of sentences.
docs/decisions/0019 has the measurements.
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from model_store import block_files
from model_store.model.blocks.embedding import StaticEmbedding
from model_store.pretraining.sentence_transformer import SentenceTransformer

DIMENSIONS = 256
_ISOLATED = 5.0
"""The weight of the vector of a piece on its own, in occurrences: rare pieces have little else."""
_RIDGE = 1e-2
_FREQUENT = 3e-3
"""The share of all occurrences at which the vector of a piece has half its length."""
_CHUNK_TEXTS = 1000
_SPECIAL = re.compile(r"\[[^\[\]]+\]")

Matrix = NDArray[np.float32]


@dataclass
class Contexts:
    """What a transformer says of texts, added up."""

    sums: Matrix
    """(pieces, dimensions): the last layer of each piece, summed over its occurrences."""
    counts: NDArray[np.int64]
    """(pieces,): occurrences."""
    sentences: list[Matrix]
    """(texts, dimensions) means of the last layer."""
    bags: list[csr_array]
    """(texts, pieces): the share of each piece among those of a text."""

    @classmethod
    def read(cls, transformer: SentenceTransformer, texts: Iterable[str]) -> Self:
        """Read texts; this takes some 20 ms a text on one core."""
        pieces = transformer.tokenizer.get_vocab_size()
        result: Self | None = None
        for chunk in _chunks(texts):
            ids = [each for each in transformer.ids_of(chunk) if len(each) > 2]  # noqa: PLR2004 (the marks at both ends)
            for index, layer in transformer.hidden(ids):
                hidden = layer.numpy()
                if result is None:
                    width = hidden.shape[1]
                    counts = np.zeros(pieces, dtype=np.int64)
                    result = cls(np.zeros((pieces, width), np.float32), counts, [], [])
                np.add.at(result.sums, ids[index], hidden)
                np.add.at(result.counts, ids[index], 1)
                result.sentences.append(hidden.mean(axis=0, keepdims=True))
                result.bags.append(_bag(ids[index][1:-1], pieces))
        if result is None:
            raise ValueError("there are no texts")
        return result


def distil(contexts: Contexts, isolated: Matrix, dimensions: int = DIMENSIONS) -> Matrix:
    """Return (pieces, dimensions) vectors.

    isolated: (pieces, width) means of the last layer for each piece on its own.
    """
    counts = contexts.counts[:, None]
    common = contexts.sums.sum(axis=0) / counts.sum()
    centred = contexts.sums - counts * common + _ISOLATED * (isolated - isolated.mean(axis=0))
    vectors = centred / (counts + _ISOLATED)
    sentences = np.concatenate(contexts.sentences)
    shares = csr_array(vstack(contexts.bags))
    means = shares @ vectors
    squares = means.T @ means
    ridge = _RIDGE * np.trace(squares) / len(squares) * np.eye(len(squares))
    mapped = vectors @ np.linalg.solve(
        squares + ridge, means.T @ (sentences - sentences.mean(axis=0))
    )
    mapped *= _FREQUENT / (_FREQUENT + counts / counts.sum())
    means = shares @ mapped
    means -= means.mean(axis=0)
    _, directions = np.linalg.eigh(means.T @ means)
    reduced = mapped @ directions[:, ::-1][:, :dimensions]
    return np.asarray(reduced / np.linalg.norm(reduced, axis=1).mean(), dtype=np.float32)


def isolated_vectors(transformer: SentenceTransformer) -> Matrix:
    """Return (pieces, width) means of the last layer for each piece between the marks of a text."""
    first, *_, last = transformer.ids_of(["a"])[0]
    sequences = [[first, piece, last] for piece in range(transformer.tokenizer.get_vocab_size())]
    rows: list[Matrix] = [np.empty(0, np.float32)] * len(sequences)
    for index, layer in transformer.hidden(sequences):
        rows[index] = layer.mean(dim=0).numpy()
    return np.stack(rows)


def embedding_of(transformer: SentenceTransformer, vectors: Matrix) -> StaticEmbedding:
    """Return the embedding without the marks of the transformer, such as `[PAD]`."""
    ids = transformer.tokenizer.get_vocab()
    kept = sorted((piece for piece in ids if not _SPECIAL.fullmatch(piece)), key=ids.__getitem__)
    return StaticEmbedding(kept, torch.from_numpy(vectors[[ids[piece] for piece in kept]]))


def main() -> None:
    """Distil an embedding as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m model_store.pretraining.embedding")
    parser.add_argument("transformer", type=Path, help="folder of a sentence transformer")
    parser.add_argument("texts", type=Path, help="UTF-8 file with a sentence a line")
    parser.add_argument("out", type=Path, help="new folder for the embedding")
    options = parser.parse_args()
    transformer = SentenceTransformer(options.transformer, max_tokens=48)
    with options.texts.open(encoding="utf-8") as lines:
        contexts = Contexts.read(transformer, (line.strip() for line in lines))
    vectors = distil(contexts, isolated_vectors(transformer))
    options.out.mkdir(parents=True)
    block_files.save_embedding(options.out, embedding_of(transformer, vectors))


def _chunks(texts: Iterable[str]) -> Iterable[list[str]]:
    chunk: list[str] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == _CHUNK_TEXTS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _bag(ids: Sequence[int], pieces: int) -> csr_array:
    found, counts = np.unique(ids, return_counts=True)
    values = (counts / len(ids)).astype(np.float32)
    return csr_array((values, (np.zeros(len(found), np.int64), found)), shape=(1, pieces))


if __name__ == "__main__":
    main()
