"""The tutorial's backend, after its description: a Flask app, served by gunicorn.

For every request it loads the network from files; it classifies one text at a time, with autograd
on, and never calls `eval()`. Unlike the tutorial's, it does not log, and cuts texts at the same
length as the other servers.
"""

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from flask import Flask, Response, jsonify, request
from torch import Tensor, nn
from torchtext.data.utils import get_tokenizer

from loadtests.bench.apps import protocol

STATE_DICT, VOCABULARY = "cnn.pt", "vocabulary.pickle"

_FILES = Path(os.environ["TUTORIAL_FILES"])
_MAX_TOKENS = int(os.environ["TUTORIAL_MAX_TOKENS"])
_LABELS = ("Negative", "Positive")

app = Flask(__name__)


class CNN(nn.Module):
    """The tutorial's network, with the tutorial's sizes."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 300, padding_idx=1)
        self.convs = nn.ModuleList([nn.Conv1d(300, 100, size) for size in (3, 5, 7)])
        self.fc = nn.Linear(300, 2)
        self.dropout = nn.Dropout(0.25)

    def forward(self, ids: Tensor) -> Tensor:
        """Compute logits (texts, 2) from token ids (texts, tokens)."""
        embedded = self.embedding(ids).permute(0, 2, 1)
        pooled = [torch.relu(conv(embedded)).amax(dim=-1) for conv in self.convs]
        logits: Tensor = self.fc(self.dropout(torch.cat(pooled, dim=-1)))
        return logits


class Backend:
    """The model and a project's labeling config; the ML backend makes one for each request."""

    def __init__(self, label_config: str) -> None:
        self.control = protocol.parse(label_config)
        self.tokenizer = get_tokenizer("basic_english")
        self.vocabulary = pickle.loads((_FILES / VOCABULARY).read_bytes())  # noqa: S301 (our own)
        self.network = CNN(len(self.vocabulary))
        self.network.load_state_dict(torch.load(_FILES / STATE_DICT))

    def predict(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return one prediction for each task, in order."""
        texts = (task["data"][self.control.data_key] for task in tasks)
        return [protocol.prediction(self.control, *self.predict_sentiment(text)) for text in texts]

    def predict_sentiment(self, text: str) -> tuple[str, float]:
        """Return the label of a text and its probability."""
        ids = [self.vocabulary.get(token, 0) for token in self.tokenizer(text)[:_MAX_TOKENS]]
        ids += [1] * (7 - len(ids))
        probabilities = torch.softmax(self.network(torch.tensor([ids])), dim=-1)[0]
        best = int(probabilities.argmax())
        return _LABELS[best], probabilities[best].item()


@app.post("/predict")
def predict() -> Response:
    """Answer Label Studio's request for predictions."""
    body = request.get_json()
    return jsonify(results=Backend(body["label_config"]).predict(body["tasks"]))
