"""Make the anchor of the shipped model from texts that it was not trained on.

    python -m model_store.pretraining.anchor CORPUS PANEL

Keeps features and labels, never texts.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import torch

from model_store import artifact, block_files
from model_store.learning import anchor
from model_store.learning.anchor import Anchor
from model_store.manifests import PRETRAINED, encoder_version, read
from model_store.model.blocks.concatenated import Concatenated
from model_store.pretraining.corpus import Part
from model_store.pretraining.corpus import read as read_corpus

_FILMS = 1500
_OTHERS = 250
"""Texts of each other source."""
_WORDS = (8, 80)
"""Fewest and most words of a passage."""
_WHOLE = 1 / 3
"""The share of reviews that judge as a whole, and not by a passage."""
_SUBJECTS = ("camera", "service", "screen", "story", "music", "food", "battery", "room")
_OPINIONS = (
    ("good", "bad"),
    ("great", "poor"),
    ("lovely", "ugly"),
    ("amazing", "horrible"),
    ("perfect", "useless"),
    ("enjoyable", "dull"),
)
_SOURCES = {"product reviews": "cr", "product sentences": "amazon_sentences"}


def passages(texts: Sequence[str], rng: np.random.Generator, whole: float = 0.0) -> list[str]:
    """Return a share of the texts whole, and of each other text a run of its words.

    >>> passages(["one two three"] * 2, np.random.default_rng(0))
    ['one two three', 'one two three']
    """
    found = []
    for text in texts:
        words = text.split()
        length = int(rng.integers(*_WORDS))
        start = int(rng.integers(0, max(1, len(words) - length)))
        is_whole = rng.random() < whole
        found.append(text if is_whole else " ".join(words[start : start + length]))
    return found


def plain_opinions() -> list[tuple[str, str]]:
    """Return sentences with their labels: plain ones, and negations, which means of words confuse.

    None of their words of praise or blame is in the behaviour suite, which judges.

    >>> plain_opinions()[:2]
    [('The camera was good.', 'Positive'), ('The camera was bad.', 'Negative')]
    """
    found = []
    for subject, (praise, blame) in zip(_SUBJECTS, cycle(_OPINIONS), strict=False):
        found += [
            (f"The {subject} was {praise}.", "Positive"),
            (f"The {subject} was {blame}.", "Negative"),
            (f"The {subject} is not {praise} at all.", "Negative"),
            (f"The {subject} was not {praise}, it was {blame}.", "Negative"),
            (f"I find nothing {praise} about the {subject}.", "Negative"),
            (f"The {subject} was not {blame}, it was {praise}.", "Positive"),
        ]
    return found


def make(corpus: Path, panel: Path) -> tuple[Anchor, str, str]:
    """Return an anchor, and the versions of the encoder and the embedding that it is for.

    corpus: a file of labelled reviews. Those of the validation part are learned from, and those of
    the held-out part judge; the network was trained on neither. panel: a folder of other sources.
    """
    rng = np.random.default_rng(0)
    classifier = artifact.load(PRETRAINED)
    embedding = block_files.load_embedding(block_files.SHIPPED)
    blocks = Concatenated({"encoder": classifier.encoder, "embedding": embedding})  # type: ignore[dict-item]
    reviews = read_corpus(corpus)
    chosen = {}
    for part, count, whole in ((Part.VALIDATION, None, 0.0), (Part.HELD_OUT, _FILMS, _WHOLE)):
        of_part = reviews.part(part)
        rows = rng.permutation(len(of_part))[:count]
        texts = passages([of_part.texts[row] for row in rows], rng, whole)
        chosen[part] = blocks(texts), torch.tensor([of_part.labels[row] for row in rows])
    opinions, labels = zip(*plain_opinions(), strict=True)
    found = [each.label for each in classifier.classify(opinions)]
    # What the shipped model does not understand is not to be kept.
    understood = [row for row, label in enumerate(labels) if found[row] == label]
    features, of_reviews = chosen[Part.VALIDATION]
    kept = torch.cat([features, blocks([opinions[row] for row in understood])])
    of_opinions = [classifier.labels.index(labels[row]) for row in understood]
    kept_classes = torch.cat([of_reviews, torch.tensor(of_opinions)])
    judged = {"films": chosen[Part.HELD_OUT]}
    for source, name in _SOURCES.items():
        lines = (panel / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        pairs = [(row["text"], row["label"]) for row in map(json.loads, lines)]
        picked = [pairs[row] for row in rng.permutation(len(pairs))[:_OTHERS]]
        classes = [classifier.labels.index(label) for _, label in picked]
        judged[source] = blocks([text for text, _ in picked]), torch.tensor(classes)
    made = Anchor(classifier.labels, blocks.widths, kept, kept_classes, judged)
    return made, encoder_version(read(PRETRAINED)), embedding.version


def main() -> None:
    """Make an anchor as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m model_store.pretraining.anchor")
    parser.add_argument("corpus", type=Path, help="file of labelled reviews, such as train.parquet")
    parser.add_argument("panel", type=Path, help="folder with cr.jsonl and amazon_sentences.jsonl")
    parser.add_argument("--out", type=Path, default=anchor.SHIPPED, help="folder of the anchors")
    options = parser.parse_args()
    anchor.save(options.out, *make(options.corpus, options.panel))


if __name__ == "__main__":
    main()
