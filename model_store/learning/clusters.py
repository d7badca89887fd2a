"""Divide texts into clusters, so that the first annotations are of different texts.

k-means on the embedding that ships, which no training changes: a text stays in its cluster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from model_store import block_files

CLUSTERS = 20
"""As many as the annotations that a first training takes."""
_PER_CLUSTER = 3
_MAX_FITTED = 10_000
"""Texts that the centres are found with."""
_MAX_TOKENS = 512
_CHUNK_TEXTS = 500

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Clustered:
    """Texts in clusters."""

    clusters: NDArray[np.int64]
    """(texts,), from 0."""
    distances: NDArray[np.float64]
    """(texts,) to the centre of the cluster, in 0..2; the lowest is the medoid's."""

    @property
    def typicality_ranks(self) -> NDArray[np.float64]:
        """(texts,) in 0..1: 0 for the medoid of each cluster, and higher the farther from it."""
        ranks = np.zeros(len(self.clusters))
        for cluster in np.unique(self.clusters):
            rows = np.flatnonzero(self.clusters == cluster)
            order = rows[np.argsort(self.distances[rows], kind="stable")]
            ranks[order] = np.arange(len(rows)) / len(rows)
        return ranks


def vectors_of(texts: Sequence[str]) -> Vectors:
    """Return (texts, dimensions) unit vectors of the embedding that ships; 0 for blank texts."""
    embedding = block_files.load_embedding(block_files.SHIPPED, max_tokens=_MAX_TOKENS)
    chunks = [
        embedding(texts[start : start + _CHUNK_TEXTS]).numpy()
        for start in range(0, len(texts), _CHUNK_TEXTS)
    ]
    found = np.concatenate(chunks) if chunks else np.empty((0, embedding.width), dtype=np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-12), dtype=np.float32)


def clustered(
    vectors: Vectors, known: Mapping[int, int] | None = None, *, seed: int = 0
) -> Clustered:
    """Divide vectors into clusters; equal arguments give equal clusters.

    vectors: (texts, dimensions). known: the clusters that some texts have, by row, whose means are
    the centres then. Of n new texts there are 20 clusters, or n / 3 if that is less.
    """
    if not len(vectors):
        return Clustered(np.empty(0, dtype=np.int64), np.empty(0))
    if known:
        rows = np.array(sorted(known))
        names = np.array([known[row] for row in rows.tolist()])
        ids = np.unique(names)
        centres = np.stack([vectors[rows[names == each]].mean(axis=0) for each in ids])
    else:
        number = max(1, min(CLUSTERS, len(vectors) // _PER_CLUSTER))
        means = KMeans(number, n_init=4, random_state=seed).fit(vectors[:_MAX_FITTED])
        ids, centres = np.arange(number), means.cluster_centers_
    gaps = np.stack([((vectors - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    nearest = gaps.argmin(axis=1)
    if known:
        places = {int(each): place for place, each in enumerate(ids)}
        nearest[rows] = [places[name] for name in names.tolist()]
    distances = np.sqrt(gaps[np.arange(len(vectors)), nearest]).astype(np.float64)
    return Clustered(ids[nearest].astype(np.int64), distances)
