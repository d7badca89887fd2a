"""Find texts that are nearly the same, so that copies are not learned from and judged by."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer

SIMILAR = 0.7
"""The cosine of two texts' sets of phrases from which on they are nearly the same."""
_PHRASE = 3
_MAX_WORDS = 400
"""Words of a text that are compared: copies of longer ones are alike there, too."""
_CHUNK = 500
_WORD = re.compile(r"\w+")


def near_duplicates(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return (texts,) numbers: texts with the same number are nearly the same.

    Two texts are, if most of the phrases of three words of one are in the other (Broder, 1997), and
    so are all texts that such pairs connect.

    >>> near_duplicates(["A good film.", "Dull.", "a good film"]).tolist()
    [0, 1, 0]
    """
    if not texts:
        return np.empty(0, dtype=np.int64)
    vectorizer = HashingVectorizer(
        analyzer=_phrases, n_features=2**22, binary=True, alternate_sign=False, dtype=np.float32
    )
    phrases = vectorizer.transform(texts)
    shared = phrases[:, np.flatnonzero(phrases.getnnz(axis=0) > 1)]  # the others match nothing
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for start in range(0, len(texts), _CHUNK):
        alike = (shared[start : start + _CHUNK] @ shared.T).tocoo()
        close = alike.data >= SIMILAR
        pairs.append(np.stack([alike.row[close] + start, alike.col[close]]))
    rows, columns = np.concatenate(pairs, axis=1)
    size = (len(texts), len(texts))
    graph = coo_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=size)
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _phrases(text: str) -> Iterator[str]:
    """Yield the phrases of a text; all of it, if it is shorter than one."""
    words = _WORD.findall(text.lower())[:_MAX_WORDS]
    for start in range(max(1, len(words) - _PHRASE + 1)):
        yield " ".join(words[start : start + _PHRASE])
