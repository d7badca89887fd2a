"""From a corpus to an artifact. Needs the `train` extra; the server never imports it."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchtext.vocab import Vocab

from model_store import artifact, evaluation
from model_store.classifier import Classifier
from model_store.corpus import LABELS, Corpus, Part, read
from model_store.errors import ArtifactExistsError
from model_store.evaluation import Predictions
from model_store.fitting import FitConfig, fit, logits_of
from model_store.network import NetworkConfig, SentimentCNN
from model_store.tokenizer import tokenize
from model_store.vectors import train_vectors
from model_store.vocabulary import PADDING, UNKNOWN, Vocabulary
from model_store.workspace import Workspace

logger = logging.getLogger(__name__)

_PACKAGES = ("torch", "torchtext", "gensim", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults made the model that ships."""

    seed: int = 1
    vocabulary_size: int = 25_000
    """Special tokens included: as many as 16 MB of half-precision weights have room for."""
    min_frequency: int = 5
    max_tokens: int = 1024
    """Tokens of a text that the trained model reads."""
    dropout: float = 0.5
    vector_epochs: int = 5
    fit: FitConfig = field(default_factory=FitConfig)


def train(data: Path, out: Path, recipe: Recipe) -> artifact.Manifest:
    """Train on the labelled texts of `data` and write the artifact `out`.

    Held-out and validation texts are no part of training; unlabelled ones teach the word vectors.
    What is computed on the way is kept in `<out>.work` until the end: the same call goes on where
    a killed one stopped. Raises CorpusError, and ArtifactExistsError before any work is done.
    """
    if out.exists():
        raise ArtifactExistsError(out)
    corpus = read(data)
    workspace = Workspace(
        out.with_name(f"{out.name}.work"), {"data": corpus.sha256(), "recipe": asdict(recipe)}
    )
    parts = {part: corpus.part(part) for part in Part}
    for part, texts in parts.items():
        logger.info("%s: %d reviews", part.value, len(texts))
    unlabelled = corpus.unlabelled().without(parts[Part.VALIDATION], parts[Part.HELD_OUT])
    tokens = [tokenize(text) for text in parts[Part.TRAIN].texts + unlabelled.texts]
    vocabulary = build_vocabulary(tokens, recipe)
    vectors = workspace.array(
        "vectors",
        lambda: train_vectors(
            tokens,
            vocabulary,
            dim=NetworkConfig(len(vocabulary)).embedding_dim,
            epochs=recipe.vector_epochs,
            seed=recipe.seed,
            threads=torch.get_num_threads(),
            progress=lambda: logger.info("word vectors: an epoch is done"),
        ),
    )
    encoded = [_ids(vocabulary, text) for text in tokens[: len(parts[Part.TRAIN])]]
    validation = (
        [_ids(vocabulary, tokenize(text)) for text in parts[Part.VALIDATION].texts],
        np.array(parts[Part.VALIDATION].labels),
    )

    torch.manual_seed(recipe.seed)
    network = SentimentCNN(NetworkConfig(len(vocabulary), dropout=recipe.dropout))
    network.embedding.weight.data.copy_(torch.from_numpy(vectors))
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    fit(
        network,
        encoded,
        np.eye(len(LABELS), dtype=np.float32)[parts[Part.TRAIN].labels],
        validation,
        config=recipe.fit,
        seed=recipe.seed,
        checkpoint=workspace.folder / "network.pt",
        name="network",
    )
    temperature = evaluation.fit_temperature(logits_of(network, validation[0]), validation[1])
    classifier = Classifier(
        network, vocabulary, LABELS, max_tokens=recipe.max_tokens, temperature=temperature
    )
    manifest = artifact.save(
        out,
        classifier,
        training={
            "seed": recipe.seed,
            "recipe": asdict(recipe),
            "data_sha256": corpus.sha256(),
            "reviews": {part.value: len(texts) for part, texts in parts.items()},
            "unlabelled_reviews": len(unlabelled),
            "packages": {name: version(name) for name in _PACKAGES},
        },
        metrics={"held-out": evaluate(classifier, parts[Part.HELD_OUT])},
    )
    workspace.remove()
    return manifest


def evaluate(classifier: Classifier, corpus: Corpus) -> dict[str, Any]:
    """The metrics of a classifier on a labelled corpus; see `evaluation.measure`."""
    results = classifier.classify(corpus.texts)
    rows = [[result.probabilities[label] for label in classifier.labels] for result in results]
    return evaluation.measure(
        Predictions(np.array(corpus.labels), np.array(rows), classifier.labels)
    )


def build_vocabulary(texts: Iterable[list[str]], recipe: Recipe) -> Vocabulary:
    """The most frequent tokens of tokenized texts, as torchtext builds a vocabulary of them."""
    counter = Counter(token for text in texts for token in text)
    specials = (UNKNOWN, PADDING)
    built = Vocab(
        counter,
        max_size=recipe.vocabulary_size - len(specials),
        min_freq=recipe.min_frequency,
        specials=specials,
    )
    return Vocabulary(built.itos)


def _ids(vocabulary: Vocabulary, tokens: list[str]) -> NDArray[np.int32]:
    return np.array(vocabulary.encode(tokens), dtype=np.int32)
