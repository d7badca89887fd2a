"""The benchmark's other servers do the same work as this one."""

import importlib
import json
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from loadtests.bench import eager
from loadtests.bench.apps import protocol
from loadtests.bench.apps.litserve import SentimentAPI
from model_store.model.encoder import Encoder
from model_store.model.vocabulary import PADDING, UNKNOWN
from tests.conftest import ClassifierFactory

CONFIG = (Path(__file__).parents[2] / "examples/labeling_interface.xml").read_text("utf-8")
TEXTS = ["good", "bad film", "Good! " * 50, "not known at all", "good bad " * 9, "", "film"]


def make_eager(make_classifier: ClassifierFactory) -> eager.EagerClassifier:
    small = make_classifier()
    assert isinstance(small.encoder, Encoder)
    return eager.EagerClassifier(
        small.encoder.network.eval(), small.encoder.vocabulary, small.labels, 32, 1.0
    )


def make_request(texts: list[str]) -> dict[str, Any]:
    tasks = [{"id": number, "data": {"review": text}} for number, text in enumerate(texts)]
    return {"tasks": tasks, "label_config": CONFIG}


def labels_of(body: Any) -> list[str]:
    return [result["result"][0]["value"]["choices"][0] for result in body["results"]]


def test_the_control_and_the_data_key_are_those_of_the_labeling_config() -> None:
    assert protocol.parse(CONFIG) == protocol.Control("sentiment", "text", "review")


def test_the_eager_network_gives_the_labels_of_the_served_one_in_order(
    make_classifier: ClassifierFactory,
) -> None:
    expected = [result.label for result in make_classifier().classify(TEXTS)]
    network = make_eager(make_classifier)
    for size in (1, 2, 16):
        sequences = [network.encode(text) for text in TEXTS]
        given = network.classify_encoded(sequences, batch_size=size)
        assert [label for label, _ in given] == expected


def test_requests_that_share_a_batch_get_their_own_results(
    make_classifier: ClassifierFactory,
) -> None:
    api = SentimentAPI(max_batch_size=64, batch_timeout=0.002)
    api.classifier = make_eager(make_classifier)
    requests = [TEXTS[:4], [], TEXTS[4:]]
    decoded = [api.decode_request(make_request(texts)) for texts in requests]
    answers = [api.encode_response(item) for item in api.unbatch(api.predict(api.batch(decoded)))]
    expected = [result.label for result in make_classifier().classify(TEXTS)]
    given = [labels_of(json.loads(bytes(answer.body))) for answer in answers]
    assert given == [expected[:4], [], expected[4:]]


@pytest.fixture
def tutorial_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tutorial's app, with random weights for a few words."""
    monkeypatch.setenv("TUTORIAL_FILES", str(tmp_path))
    monkeypatch.setenv("TUTORIAL_MAX_TOKENS", "32")
    app = importlib.import_module("loadtests.bench.apps.tutorial")
    monkeypatch.setattr(app, "_FILES", tmp_path)
    ids = {token: index for index, token in enumerate((UNKNOWN, PADDING, "good", "bad"))}
    (tmp_path / app.VOCABULARY).write_bytes(pickle.dumps(ids))
    torch.save(app.CNN(len(ids)).state_dict(), tmp_path / app.STATE_DICT)
    return app


def test_the_tutorials_app_predicts_every_task(tutorial_app: ModuleType) -> None:
    answer = tutorial_app.app.test_client().post("/predict", json=make_request(TEXTS))
    assert len(labels_of(answer.get_json())) == len(TEXTS)
