"""Train an artifact on a corpus. Needs the `train` extra; the server never imports it."""

import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torchtext.vocab import Vocab

from model_store import artifact, manifests
from model_store.errors import ArtifactExistsError, CorpusError
from model_store.learning import evaluation
from model_store.learning.evaluation import Predictions
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.network import NetworkConfig, SentimentCNN
from model_store.model.tokenizer import tokenize
from model_store.model.vocabulary import PADDING, UNKNOWN, Vocabulary
from model_store.pretraining.corpus import Corpus, Part, read
from model_store.pretraining.fitting import fit
from model_store.pretraining.ngrams import ngram_probabilities
from model_store.pretraining.origin import calibrated, passages_of, strangeness_of
from model_store.pretraining.passages import PassageConfig, Taught, teach
from model_store.pretraining.student import StudentConfig
from model_store.pretraining.teacher import (
    TeacherConfig,
    as_targets,
    combined,
    logits_of_class,
    network_probabilities,
    soft_targets,
)
from model_store.pretraining.vectors import train_vectors
from model_store.pretraining.workspace import Workspace

logger = logging.getLogger(__name__)

_PACKAGES = (
    "torch",
    "torchtext",
    "gensim",
    "numpy",
    "scikit-learn",
    "transformers",
    "wordfreq",
    "vaderSentiment",
)


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training; the defaults made the shipped model."""

    seed: int = 1
    vocabulary_size: int = 24_500
    """Including the special tokens: as many as fit into an artifact of 16 MB."""
    min_frequency: int = 2
    max_tokens: int = 1024
    """Tokens that the trained model reads of a text."""
    dropout: float = 0.5
    vector_epochs: int = 5
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    transformer: str | None = None
    """The teacher of passages, see `TransformerClassifier`; without it, the network learns from
    whole reviews only."""
    passages: PassageConfig = field(default_factory=PassageConfig)
    student: StudentConfig = field(default_factory=StudentConfig)


def train(data: Path, out: Path, recipe: Recipe) -> manifests.Manifest:
    """Train on the texts of `data`, write the artifact `out`, and return its manifest.

    Word vectors are learned from all texts, and teachers from the labelled ones. The network
    starts from the vectors and learns the labels and the teachers' probabilities, of whole texts
    and of passages. Validation texts choose the epoch and the temperature. Held-out texts are
    measured only.

    Intermediate results are kept in `<out>.work` until the end: the same call resumes a killed
    run. Raises CorpusError, and ArtifactExistsError before the work starts.
    """
    if out.exists():
        raise ArtifactExistsError(out)
    return train_on(read(data), data, out, recipe)


def train_on(corpus: Corpus, data: Path, out: Path, recipe: Recipe) -> manifests.Manifest:
    """Train on a corpus that was read from `data`: see `train`."""
    parts = {part: corpus.part(part) for part in Part}
    unlabelled = corpus.unlabelled().without(parts[Part.VALIDATION], parts[Part.HELD_OUT])
    for part, texts in parts.items():
        if set(texts.labels) != {0, 1}:
            raise CorpusError(
                data, f"too few labelled reviews: its {part.value} part lacks a label"
            )
    # Not where the transformer lies on this machine.
    named = replace(recipe, transformer=recipe.transformer and Path(recipe.transformer).name)
    facts = {
        "recipe": asdict(named),
        "data_sha256": corpus.sha256(),
        "packages": {name: version(name) for name in _PACKAGES},
        "reviews": {part.value: len(parts[part]) for part in Part}
        | {"unlabelled": len(unlabelled)},
    }
    logger.info("reviews: %s", facts["reviews"])
    work = out.with_name(f"{out.name}.work")
    # What teachers say does not depend on the student.
    of_teachers = {**facts, "recipe": asdict(replace(named, student=StudentConfig()))}
    workspaces = Workspace(work / "teachers", of_teachers), Workspace(work / "student", facts)
    classifier = _train_classifier(
        parts[Part.TRAIN], unlabelled, parts[Part.VALIDATION], recipe, workspaces
    )
    metrics = {
        part.value: evaluation.measure_corpus(predict(classifier, parts[part]))
        for part in (Part.VALIDATION, Part.HELD_OUT)
    }
    manifest = artifact.save(out, classifier, training=facts, metrics=metrics)
    shutil.rmtree(work)
    return manifest


def predict(classifier: Classifier, corpus: Corpus) -> Predictions:
    """Classify labelled texts."""
    results = classifier.classify(corpus.texts)
    rows = [[result.probabilities[label] for label in classifier.labels] for result in results]
    return Predictions(np.array(corpus.labels), np.array(rows), classifier.labels)


def build_vocabulary(texts: Iterable[list[str]], recipe: Recipe) -> Vocabulary:
    """Build a vocabulary of the most frequent tokens with torchtext."""
    counter = Counter(token for text in texts for token in text)
    specials = (UNKNOWN, PADDING)
    built = Vocab(
        counter,
        max_size=recipe.vocabulary_size - len(specials),
        min_freq=recipe.min_frequency,
        specials=specials,
    )
    return Vocabulary(built.itos)


def _train_classifier(
    labelled: Corpus,
    unlabelled: Corpus,
    validation: Corpus,
    recipe: Recipe,
    workspaces: tuple[Workspace, Workspace],
) -> Classifier:
    classes = np.array(labelled.labels)
    of_teachers, of_student = workspaces
    tokens = [tokenize(text) for text in labelled.texts + unlabelled.texts]
    vocabulary = build_vocabulary(tokens, recipe)
    config = NetworkConfig(len(vocabulary), dropout=recipe.dropout)
    vectors = of_teachers.array(
        "vectors",
        lambda: train_vectors(
            tokens,
            vocabulary,
            dim=config.embedding_dim,
            epochs=recipe.vector_epochs,
            seed=recipe.seed,
            progress=lambda: logger.info("word vectors: finished an epoch"),
        ),
    )
    by_ngrams = of_teachers.array(
        "ngrams",
        lambda: ngram_probabilities(
            tokens[: len(classes)], classes, tokens[len(classes) :], seed=recipe.seed
        ),
    )
    logger.info("teacher by n-grams: accuracy %.4f", _accuracy(by_ngrams, classes))
    texts = [vocabulary.encode(text) for text in tokens]
    judged = (
        [vocabulary.encode(tokenize(text)) for text in validation.texts],
        np.array(validation.labels),
    )

    def make_network(seed: int) -> SentimentCNN:
        torch.manual_seed(seed)
        network = SentimentCNN(config)
        network.embedding.weight.data.copy_(torch.from_numpy(vectors))
        return network.to("cuda" if torch.cuda.is_available() else "cpu")

    judged_by_networks = partial(
        network_probabilities,
        make_network,
        texts[: len(classes)],
        classes,
        texts[len(classes) :],
        judged,
        config=recipe.teacher,
        seed=recipe.seed,
        workspace=of_teachers,
    )
    by_networks = judged_by_networks()
    logger.info("teacher by networks: accuracy %.4f", _accuracy(by_networks, classes))
    first = combined([logits_of_class(by_ngrams), logits_of_class(by_networks)], classes)
    logger.info("first teachers together: accuracy %.4f", _accuracy(first, classes))
    by_second_networks = judged_by_networks(taught=soft_targets(first, classes, recipe.teacher))
    logger.info("second networks: accuracy %.4f", _accuracy(by_second_networks, classes))
    teacher = combined([logits_of_class(by_ngrams), logits_of_class(by_second_networks)], classes)
    logger.info("teachers together: accuracy %.4f", _accuracy(teacher, classes))
    taught = None
    if recipe.transformer:
        taught = teach(
            recipe.transformer,
            labelled.texts,
            classes,
            unlabelled.texts,
            validation.texts,
            config=recipe.passages,
            seed=recipe.seed,
            workspace=of_teachers,
        )

    network = make_network(recipe.seed)
    sources = [recipe.student.reviews(texts, soft_targets(teacher, classes, recipe.teacher))]
    stages = [recipe.student.reviews_alone]
    if taught is not None:
        stages += recipe.student.with_passages
        passages = [vocabulary.encode(tokenize(text)) for text in taught.texts]
        sources.append(recipe.student.passages(passages, taught.logits))
    found: list[dict[str, Tensor]] = []
    for number, config_of_stage in enumerate(stages):
        fit(
            network,
            sources if number else sources[:1],
            judged,
            config=config_of_stage,
            seed=recipe.seed + number,
            checkpoint=of_student.folder / f"network-{number + 1}.pt",
            name=f"network, stage {number + 1}",
        )
        found.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
    network.load_state_dict(_mean(found[1:] or found))
    strangeness = strangeness_of(texts, vocabulary)
    encoder = Encoder(network, vocabulary, max_tokens=recipe.max_tokens, strangeness=strangeness)
    held, targets = _held_passages(taught, validation, recipe)
    return Classifier(encoder, calibrated(encoder, validation, held, targets))


def _mean(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of several weights of a network.

    Those of stages that started from each other are near enough for it (model soups; Wortsman et
    al., 2022).
    """
    return {name: torch.stack([each[name] for each in weights]).mean(dim=0) for name in weights[0]}


def _held_passages(
    taught: Taught | None, validation: Corpus, recipe: Recipe
) -> tuple[list[str], NDArray[np.float32]]:
    """Return passages of the validation reviews, and targets: by the teachers, if there are any.

    The label of a review is wrong for many a passage, so scores by it are too low for texts that
    are as short and say what they mean.
    """
    if taught is not None:
        positive = expit(taught.of_validation / recipe.passages.calibration_sharpening)
        return taught.validation, as_targets(positive)
    return passages_of(validation, recipe.passages.words, recipe.seed)


def _accuracy(probabilities: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Return the accuracy on the labelled texts, which come first."""
    return float((probabilities[: len(classes)].round() == classes).mean())
