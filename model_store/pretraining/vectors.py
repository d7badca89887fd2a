"""Learn word vectors from the reviews; the network starts from them."""

from collections.abc import Callable, Sequence

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from numpy.typing import NDArray

from model_store.model.vocabulary import PADDING_ID, UNKNOWN_ID, Vocabulary


def train_vectors(
    texts: Sequence[list[str]],
    vocabulary: Vocabulary,
    *,
    dim: int,
    epochs: int,
    seed: int,
    progress: Callable[[], object] = lambda: None,
) -> NDArray[np.float32]:
    """Return (vocabulary, dim) skip-gram vectors with negative sampling (Mikolov et al., 2013).

    texts: tokenized texts. progress: called after every epoch. `<unk>` gets the mean of the other
    vectors, `<pad>` zeros. Equal arguments give equal vectors.
    """
    model = Word2Vec(
        vector_size=dim,
        sg=1,
        window=5,
        negative=5,
        sample=1e-4,
        min_count=1,
        workers=1,  # with more, the order of the updates differs between runs
        seed=seed,
    )
    # Tokens outside the vocabulary are not needed.
    model.build_vocab(texts, trim_rule=_keep_only(vocabulary))
    model.train(
        texts,
        total_examples=model.corpus_count,
        epochs=epochs,
        callbacks=[_AfterEpoch(progress)],
    )
    vectors = np.zeros((len(vocabulary), dim), np.float32)
    for index, token in enumerate(vocabulary.tokens):
        if token in model.wv:
            vectors[index] = model.wv[token]
    vectors[UNKNOWN_ID] = vectors[max(UNKNOWN_ID, PADDING_ID) + 1 :].mean(axis=0)
    vectors[PADDING_ID] = 0.0
    return vectors


def _keep_only(vocabulary: Vocabulary) -> Callable[[str, int, int], int]:
    keep, discard = 2, 1  # gensim.utils.RULE_KEEP and RULE_DISCARD
    known = set(vocabulary.tokens)
    return lambda token, _count, _min_count: keep if token in known else discard


class _AfterEpoch(CallbackAny2Vec):  # type: ignore[misc]
    def __init__(self, progress: Callable[[], object]) -> None:
        self._progress = progress

    def on_epoch_end(self, _model: Word2Vec) -> None:
        self._progress()
