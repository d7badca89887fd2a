"""Predict sentiment from n-grams with linear models: one of the two teachers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

_ORDERS = (1, 2, 3)
_MIN_TEXTS = 3
_FOLDS = 5
_TFIDF_C = 30.0
_NB_C = 15.0


def ngram_probabilities(
    texts: Sequence[list[str]],
    classes: NDArray[np.int64],
    unlabelled: Sequence[list[str]],
    *,
    seed: int,
) -> NDArray[np.float64]:
    """Return (texts + unlabelled,) probabilities of class 1; labelled texts come first.

    texts, unlabelled: tokenized texts. classes: (texts,). Each labelled text is predicted by models
    that were not fitted to it (five folds). The result is the average of a logistic regression on
    TF-IDF and one on TF-IDF weighted by naive-Bayes log-count ratios (NB-SVM; Wang and Manning,
    2012).
    """
    vectorizer = TfidfVectorizer(
        analyzer=_ngrams, min_df=_MIN_TEXTS, sublinear_tf=True, dtype=np.float32
    )
    labelled = sparse.csr_matrix(vectorizer.fit_transform(texts))
    result = np.zeros(len(texts) + len(unlabelled))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for seen, unseen in folds.split(labelled, classes):
        result[unseen] = _fit_and_predict(labelled[seen], classes[seen], labelled[unseen], seed)
    if unlabelled:
        rest = sparse.csr_matrix(vectorizer.transform(unlabelled))
        result[len(texts) :] = _fit_and_predict(labelled, classes, rest, seed)
    return result


def _ngrams(tokens: list[str]) -> list[str]:
    return [
        " ".join(tokens[start : start + order])
        for order in _ORDERS
        for start in range(len(tokens) - order + 1)
    ]


def _fit_and_predict(
    features: sparse.csr_matrix,
    classes: NDArray[np.int64],
    others: sparse.csr_matrix,
    seed: int,
) -> NDArray[np.float64]:
    present = features.sign()
    positive, negative = (1 + np.ravel(present[classes == label].sum(axis=0)) for label in (1, 0))
    ratio = np.log((positive / positive.sum()) / (negative / negative.sum()))
    weighting = sparse.diags(ratio.astype(np.float32))
    plain = _regression(_TFIDF_C, seed).fit(features, classes)
    weighted = _regression(_NB_C, seed).fit(features @ weighting, classes)
    mean: NDArray[np.float64] = (
        plain.predict_proba(others)[:, 1] + weighted.predict_proba(others @ weighting)[:, 1]
    ) / 2
    return mean


def _regression(c: float, seed: int) -> LogisticRegression:
    return LogisticRegression(
        C=c, solver="liblinear", dual=True, max_iter=60, tol=1e-2, random_state=seed
    )
