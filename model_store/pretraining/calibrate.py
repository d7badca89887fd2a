"""Calibrate a trained artifact again, with passages of reviews that it was not fitted to.

    python -m model_store.pretraining.calibrate ARTIFACT DATA OUT

Gives an artifact of an earlier release an origin: a temperature by length, and distances. Its
network stays as it is, so heads that were trained on its features go on with it.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

from model_store import artifact, manifests
from model_store.learning import evaluation
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.pretraining.corpus import Part, read
from model_store.pretraining.origin import calibrated, passages_of, strangeness_of
from model_store.pretraining.recipe import Recipe, predict


def calibrate(trained: Path, data: Path, out: Path) -> manifests.Manifest:
    """Write the artifact `trained` with an origin to `out`.

    data: what it was trained on, see `recipe.train`. Raises ArtifactError, ArtifactExistsError and
    CorpusError.
    """
    recipe = Recipe()
    before = manifests.read(trained)
    network = artifact.load(trained).encoder
    assert isinstance(network, Encoder)
    corpus = read(data)
    parts = {part: corpus.part(part) for part in Part}
    unlabelled = corpus.unlabelled().without(parts[Part.VALIDATION], parts[Part.HELD_OUT])
    texts = [network.encode(text) for text in parts[Part.TRAIN].texts + unlabelled.texts]
    network.strangeness = strangeness_of(texts, network.vocabulary)
    held = passages_of(parts[Part.VALIDATION], recipe.passages.words, recipe.seed)
    classifier = Classifier(network, calibrated(network, parts[Part.VALIDATION], *held))
    metrics = {
        part.value: evaluation.measure_corpus(predict(classifier, parts[part]))
        for part in (Part.VALIDATION, Part.HELD_OUT)
    }
    facts = {**before.training, "origin": {"seed": recipe.seed, "wordfreq": version("wordfreq")}}
    return artifact.save(out, classifier, training=facts, metrics=metrics)


def main() -> None:
    """Calibrate as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m model_store.pretraining.calibrate")
    parser.add_argument("artifact", type=Path, help="folder of a trained artifact")
    parser.add_argument("data", type=Path, help="the reviews that it was trained on")
    parser.add_argument("out", type=Path, help="new folder")
    options = parser.parse_args()
    calibrate(options.artifact, options.data, options.out)


if __name__ == "__main__":
    main()
