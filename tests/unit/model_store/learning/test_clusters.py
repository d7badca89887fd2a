"""Clusters of texts, for the order of the label stream."""

import numpy as np
from numpy.typing import NDArray

from model_store.learning.clusters import CLUSTERS, clustered, vectors_of


def blobs(each: int, centres: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    means = np.eye(centres, 40) * 5
    found = [mean + rng.normal(0, 0.1, (each, 40)) for mean in means]
    joined: NDArray[np.float32] = np.concatenate(found).astype(np.float32)
    return joined


def test_texts_that_are_alike_are_in_one_cluster_and_its_medoid_comes_first() -> None:
    vectors = blobs(30, CLUSTERS)
    found = clustered(vectors)
    assert len(np.unique(found.clusters)) == CLUSTERS
    assert all(
        len(np.unique(found.clusters[start : start + 30])) == 1 for start in range(0, 600, 30)
    )
    ranks = found.typicality_ranks
    assert (ranks == 0).sum() == CLUSTERS
    for cluster in range(CLUSTERS):
        rows = found.clusters == cluster
        assert found.distances[rows].min() == found.distances[rows & (ranks == 0)]


def test_texts_keep_the_clusters_that_they_have() -> None:
    vectors = blobs(10, 4)
    known = {row: 7 + row // 10 for row in range(35)}
    found = clustered(vectors, known)
    assert found.clusters.tolist() == [7] * 10 + [8] * 10 + [9] * 10 + [10] * 10


def test_few_texts_have_few_clusters() -> None:
    assert len(np.unique(clustered(blobs(1, 7)).clusters)) == 2
    assert clustered(blobs(1, 1)).clusters.tolist() == [0]
    assert clustered(np.empty((0, 40), dtype=np.float32)).clusters.tolist() == []


def test_vectors_have_length_one_or_none() -> None:
    lengths = np.linalg.norm(vectors_of(["A quick delivery.", "", "Broken again."]), axis=1)
    assert np.allclose(lengths, [1, 0, 1], atol=1e-5)
    assert len(vectors_of([])) == 0
