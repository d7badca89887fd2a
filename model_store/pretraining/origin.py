"""Fit what a head knows of the texts that it was fitted to: see `model_store.model.origin`."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from model_store.learning.evaluation import fit_temperature
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.origin import Origin, Strangeness
from model_store.model.vocabulary import UNKNOWN_ID, Vocabulary
from model_store.pretraining.corpus import LABELS, Corpus
from model_store.pretraining.crops import cut
from model_store.pretraining.teacher import as_targets

KNOWN_TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""The lengths at which the temperature is fitted."""
QUANTILES = 21
_STIFFNESS = 2.0
"""Weight of the bends between lengths, in texts: some lengths have few."""
_LIMIT = 4.0
"""Of the log-likelihood ratio of a token: the rarest words do not decide alone."""


def passages_of(
    reviews: Corpus, words: tuple[int, int], seed: int
) -> tuple[list[str], NDArray[np.float32]]:
    """Return passages of labelled reviews, and targets by the labels of the reviews."""
    pairs = [
        (passage, label)
        for text, label in zip(reviews.texts, reviews.labels, strict=True)
        for passage in cut(text, words, seed)
    ]
    return [text for text, _ in pairs], as_targets(np.array([label for _, label in pairs]))


def calibrated(
    encoder: Encoder,
    reviews: Corpus,
    passages: Sequence[str],
    targets: NDArray[np.float32],
) -> Head:
    """Return the head of a network with its temperature and its origin.

    reviews: labelled, none of which the network was fitted to. passages: of these reviews; targets:
    (passages, classes) probabilities. The temperature is that of the reviews, and its factors are
    those of both.
    """
    plain = Head.of(encoder.network.fc, LABELS)
    features, traits = encoder.read(reviews.texts)
    whole = plain.logits(features).numpy()
    classes = np.array(reviews.labels)
    temperature = fit_temperature(whole, classes)
    features, of_passages = encoder.read(passages)
    assert traits is not None
    assert of_passages is not None
    known = np.concatenate([traits.known, of_passages.known])
    logits = np.concatenate([whole, plain.logits(features).numpy()]) / temperature
    both = np.concatenate([np.eye(len(LABELS))[classes], targets])
    is_known = known > 0
    factors = fit_factors(logits[is_known], both[is_known], known[is_known])
    origin = Origin(KNOWN_TOKENS, factors, quantiles(of_passages.strangeness))
    return Head.of(encoder.network.fc, LABELS, temperature, origin)


def fit_factors(
    logits: NDArray[np.float64], targets: NDArray[np.float64], known: NDArray[np.int64]
) -> tuple[float, ...]:
    """Return the factors of the temperature at KNOWN_TOKENS, for an `Origin`.

    logits: (texts, classes), divided by the temperature. targets: (texts, classes) probabilities.
    known: (texts,) known tokens of each text, at least 1. The factors minimise the log loss
    plus a penalty for the second differences of their logarithms.
    """
    places = np.log(KNOWN_TOKENS)
    # (texts, lengths): the weights of a linear interpolation
    weights = np.column_stack(
        [np.interp(np.log(known), places, row) for row in np.eye(len(places))]
    )

    def loss(log_factors: NDArray[np.float64]) -> float:
        scaled = logits / np.exp(weights @ log_factors)[:, None]
        bends = np.diff(log_factors, 2)
        return float(-(log_softmax(scaled, axis=1) * targets).sum() + _STIFFNESS * (bends**2).sum())

    best = minimize(loss, np.zeros(len(places)), method="L-BFGS-B")
    return tuple(round(float(factor), 4) for factor in np.exp(best.x))


def strangeness_of(texts: Sequence[NDArray[np.int32]], vocabulary: Vocabulary) -> Strangeness:
    """Compare the frequencies of tokens in texts, by their ids, with those in general English.

    The latter are those of the package wordfreq, which is no word list of any one field. Marks and
    other tokens that are no words tell nothing.
    """
    from wordfreq import word_frequency  # noqa: PLC0415 (not installed for serving)

    counts = np.bincount(np.concatenate(texts), minlength=len(vocabulary)) + 1.0
    here = counts / counts.sum()
    general = np.array([word_frequency(token, "en") for token in vocabulary.tokens])
    general[UNKNOWN_ID] = max(1 - general.sum(), here[UNKNOWN_ID])
    is_word = general > 0
    ratios = np.log(np.where(is_word, general, 1.0)) - np.log(np.where(is_word, here, 1.0))
    return Strangeness(torch.from_numpy(ratios.clip(-_LIMIT, _LIMIT)).half())


def quantiles(strangeness: NDArray[np.float64]) -> tuple[float, ...]:
    """Return QUANTILES quantiles at equal steps, for an `Origin`."""
    found = np.quantile(strangeness, np.linspace(0.0, 1.0, QUANTILES))
    return tuple(round(float(each), 4) for each in found)
