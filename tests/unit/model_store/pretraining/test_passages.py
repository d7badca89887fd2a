"""Transformers learn from crops of reviews and judge passages; a killed fine-tuning resumes."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from model_store import artifact, manifests
from model_store.pretraining import fitting, recipe, transformer
from model_store.pretraining.contrasts import contrasts, opinion_words
from model_store.pretraining.crops import crop, passages, sentences
from model_store.pretraining.fitting import FitConfig
from model_store.pretraining.passages import PassageConfig, teach
from model_store.pretraining.recipe import Recipe, train
from model_store.pretraining.student import StudentConfig
from model_store.pretraining.teacher import TeacherConfig
from model_store.pretraining.transformer import (
    TransformerClassifier,
    TransformerConfig,
    fine_tune,
)
from model_store.pretraining.workspace import Workspace

pytestmark = pytest.mark.slow

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("the", "film", "plot", "music", "is", "was", "very", "a", "it", "not", ".", "and")
PRAISE = ("superb", "lovely", "brilliant", "great")
BLAME = ("awful", "dull", "boring", "terrible")
CONFIG = TransformerConfig(
    epochs=20, words=(4, 12), batch_size=16, learning_rate=3e-3, head_learning_rate=3e-3
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A transformer of one layer, which knows nothing, as its files."""
    path = tmp_path_factory.mktemp("transformer")
    vocabulary = {word: place for place, word in enumerate((*MARKS, *WORDS, *PRAISE, *BLAME))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]")  # type: ignore[no-untyped-call]
    fast.save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(path)
    return str(path)


def reviews(count: int, seed: int = 0) -> tuple[list[str], NDArray[np.int64]]:
    """Return reviews of three sentences, half of them full of praise and half of blame."""
    chooser = random.Random(seed)
    texts = []
    for number in range(count):
        opinions = PRAISE if number % 2 else BLAME
        parts = [f"The {chooser.choice(WORDS[1:4])} is very {word}." for word in opinions[:3]]
        texts.append(" ".join(chooser.sample(parts, 3)))
    return texts, np.arange(count) % 2


def loaded(folder: str) -> TransformerClassifier:
    torch.manual_seed(1)
    return TransformerClassifier(folder, max_tokens=32)


def tuned(folder: str, checkpoint: Path) -> TransformerClassifier:
    classifier = loaded(folder)
    texts, classes = reviews(200)
    fine_tune(classifier, texts, classes, config=CONFIG, seed=1, checkpoint=checkpoint, name="test")
    return classifier


def test_a_fine_tuned_transformer_judges_other_texts(folder: str, tmp_path: Path) -> None:
    classifier = tuned(folder, tmp_path / "checkpoint.pt")
    texts, classes = reviews(20, seed=9)
    found = classifier.logits([*texts, ""])
    assert ((found[:20] > 0) == classes).all()
    alone = [classifier.logits([text])[0] for text in texts]
    assert found[:20] == pytest.approx(alone, abs=0.2)  # bfloat16 where the processor has it


def test_word_vectors_of_the_transformer_stay_as_they_were(folder: str, tmp_path: Path) -> None:
    before = loaded(folder).body.get_input_embeddings().weight
    after = tuned(folder, tmp_path / "checkpoint.pt").body.get_input_embeddings().weight
    assert torch.equal(before, after)


def test_a_killed_fine_tuning_resumes_with_the_same_result(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer, "_STEPS_BETWEEN_CHECKPOINTS", 20)
    undisturbed = tuned(folder, tmp_path / "undisturbed.pt")
    real, written = torch.save, 0

    def killed(*arguments: Any) -> None:
        nonlocal written
        real(*arguments)
        written += 1
        if written == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            tuned(folder, tmp_path / "killed.pt")
    resumed = tuned(folder, tmp_path / "killed.pt")
    for one, other in zip(undisturbed.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_finished_fine_tuning_is_not_repeated(folder: str, tmp_path: Path) -> None:
    first = tuned(folder, tmp_path / "checkpoint.pt")
    written = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    again = tuned(folder, tmp_path / "checkpoint.pt")
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns == written
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_teachers_judge_the_passages_of_all_reviews(folder: str, tmp_path: Path) -> None:
    labelled, classes = reviews(200)
    unlabelled, _ = reviews(40, seed=5)
    config = PassageConfig(words=(2, 6), share=1.0, contrasts=200, fit=CONFIG)
    taught = teach(
        folder,
        labelled,
        classes,
        unlabelled,
        labelled[:10],
        config=config,
        seed=1,
        workspace=Workspace(tmp_path / "work", {}),
    )
    assert len(taught.texts) == len(taught.logits) >= 3 * 240
    assert ((taught.of_validation > 0) == np.repeat(classes[:10], 3)).all()
    praised = [any(word in text for word in PRAISE) for text in taught.texts]
    assert ((taught.logits > 0) == praised).mean() > 0.9


def test_words_of_opinion_are_found_by_what_stands_before_them() -> None:
    texts = [["a", "very", "good", "film"], ["very", "bad", "!"], ["the", "film"]] * 10
    texts += [["very", "seldom"]]

    def judged(asked: object) -> NDArray[np.float64]:
        assert asked == ["It is bad.", "It is good."]
        return np.array([-2.0, 3.0])

    assert opinion_words(texts, judged) == (["good"], ["bad"])


def test_sentences_by_rule_have_the_label_of_their_words() -> None:
    made = list(contrasts(["P"], ["B"], 300, np.random.default_rng(0)))
    assert {label for _, label in made} == {0, 1}
    labels = dict(made)
    (denied,) = {label for text, label in labels.items() if text.endswith(" was not B at all.")}
    assert denied == 1


def test_passages_are_the_whole_text_in_order() -> None:
    text = "One two three. Four!<br /><br />Five six seven eight nine ten. Eleven"
    for seed in range(20):
        parts = list(passages(text, (1, 5), np.random.default_rng(seed)))
        assert " ".join(parts).split() == " ".join(sentences(text)).split()
        assert all(len(part.split()) <= 9 for part in parts)
    assert list(passages("", (1, 5), np.random.default_rng(0))) == []


def test_a_crop_begins_where_a_sentence_does() -> None:
    text = "One two three. Four five six seven. Eight nine."
    starts = {crop(text, (2, 3), np.random.default_rng(seed)).split()[0] for seed in range(50)}
    assert starts == {"One", "Four", "Eight"}


def test_a_recipe_with_passages_is_resumed_with_the_same_result(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, classes = reviews(700)
    rows = [
        {"text": f"{text} {number}", "label": int(label) if number < 500 else -1}
        for number, (text, label) in enumerate(zip(texts, classes, strict=True))
    ]
    data = tmp_path / "reviews.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    quick = FitConfig(epochs=2, max_tokens=40)
    wanted = Recipe(
        max_tokens=60,
        vector_epochs=1,
        teacher=TeacherConfig(folds=2, fit=quick, batch_size=16),
        transformer=folder,
        passages=PassageConfig(words=(2, 6), share=1.0, contrasts=200, fit=CONFIG),
        student=StudentConfig(quick, (quick, quick), batch_size=16, word_dropout=0.1),
    )
    train(data, tmp_path / "undisturbed", wanted)
    stages: list[str] = []
    real = fitting.fit

    def interrupted(*arguments: Any, name: str, **options: Any) -> None:
        stages.append(name)
        if len(stages) == 3:
            raise KeyboardInterrupt
        real(*arguments, name=name, **options)

    monkeypatch.setattr(recipe, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "killed", wanted)
    train(data, tmp_path / "killed", wanted)

    assert stages == [f"network, stage {number}" for number in (1, 2, 3)] * 2
    versions = [manifests.version(tmp_path / name) for name in ("undisturbed", "killed")]
    assert versions[0] == versions[1]
    classifier = artifact.load(tmp_path / "killed")
    found = [each.label for each in classifier.classify(["superb", "dull", "very lovely"])]
    assert found == ["Positive", "Negative", "Positive"]
