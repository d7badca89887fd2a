"""A classifier as a directory: weights.safetensors, vocabulary.txt and model.json.

Everything is checked on loading, and nothing in it can run code. Knows nothing of where
artifacts are kept: see `store.py`.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model_store.classifier import Classifier
from model_store.errors import ArtifactError, ArtifactExistsError
from model_store.inference import forward_of
from model_store.network import NetworkConfig, SentimentCNN, load_weights
from model_store.vocabulary import Vocabulary

MODEL_NAME = "sentiment-cnn"
PRETRAINED = Path(__file__).parent / "pretrained"
"""The artifact that ships."""

MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.txt"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Architecture(_Section):
    """The shape of the network, as NetworkConfig takes it."""

    name: Literal["SentimentCNN"] = "SentimentCNN"
    vocabulary_size: int = Field(ge=2)
    embedding_dim: int = Field(gt=0)
    filters: int = Field(gt=0)
    kernel_sizes: tuple[int, ...] = Field(min_length=1)
    classes: int = Field(ge=2)
    dropout: float = Field(ge=0, lt=1)


class Manifest(_Section):
    """The content of model.json."""

    format: Literal[1] = 1
    architecture: Architecture
    labels: tuple[str, ...]
    """The name of each class, in the order of the network's outputs."""
    tokenizer: Literal["basic_english"] = "basic_english"
    max_tokens: int = Field(gt=0)
    """Tokens of a text that are read; the rest is ignored."""
    temperature: float = Field(gt=0, default=1.0)
    """The logits are divided by this before the softmax (Guo et al., 2017)."""
    training: Mapping[str, Any] = {}
    """How the weights were made: command, seed, data hash, package versions."""
    metrics: Mapping[str, Any] = {}
    """What was measured, on data named there."""
    files: Mapping[str, Sha256]
    """SHA-256 of every other file of the artifact."""


def save(
    directory: Path,
    classifier: Classifier,
    *,
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> Manifest:
    """Write a classifier as a new artifact; the weights are stored in half precision.

    The directory appears whole or not at all. Raises ArtifactExistsError if it is there already.
    """
    if directory.exists():
        raise ArtifactExistsError(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        draft.chmod(0o755)
        weights = {
            name: tensor.detach().to("cpu", torch.float16).contiguous()
            for name, tensor in classifier.network.state_dict().items()
        }
        save_file(weights, draft / WEIGHTS)
        classifier.vocabulary.save(draft / VOCABULARY)
        manifest = Manifest(
            architecture=Architecture(**vars(classifier.network.config)),
            labels=classifier.labels,
            max_tokens=classifier.max_tokens,
            temperature=classifier.temperature,
            training=training,
            metrics=metrics,
            files={name: _sha256((draft / name).read_bytes()) for name in (VOCABULARY, WEIGHTS)},
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")
        (draft / WEIGHTS).chmod(0o644)  # safetensors makes it readable for its owner alone
        os.rename(draft, directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def read_manifest(directory: Path) -> Manifest:
    """Read and check model.json; raises ArtifactError."""
    path = directory / MANIFEST
    try:
        manifest = Manifest.model_validate_json(_read(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise ArtifactError(path, f"{where}: {first['msg']}") from error
    if len(manifest.labels) != manifest.architecture.classes:
        raise ArtifactError(
            path,
            f"it has {len(manifest.labels)} labels for {manifest.architecture.classes} classes",
        )
    if set(manifest.files) != {WEIGHTS, VOCABULARY}:
        raise ArtifactError(path, f"it must list {VOCABULARY} and {WEIGHTS} under files")
    return manifest


def verify(directory: Path) -> Manifest:
    """Check that every file of an artifact is there and is the one model.json names.

    Returns the manifest; raises ArtifactError.
    """
    manifest = read_manifest(directory)
    for name, expected in manifest.files.items():
        if (actual := _sha256(_read(directory / name))) != expected:
            raise ArtifactError(
                directory / name, f"its SHA-256 is {actual}, {MANIFEST} says {expected}"
            )
    return manifest


def version(directory: Path) -> str:
    """A name for this very content: 16 hex digits of the SHA-256 of model.json.

    model.json holds the hashes of the other files, so the same artifact has the same version
    everywhere, and any change gives another one.
    """
    return _sha256(_read(directory / MANIFEST))[:16]


def tag_of(directory: Path) -> str:
    """The name an artifact has in every store: `sentiment-cnn:` and its content's version."""
    return f"{MODEL_NAME}:{version(directory)}"


def load(
    directory: Path, *, device: torch.device | str | None = None, compiled: Path | None = None
) -> Classifier:
    """Load an artifact, every part of it checked; raises ArtifactError.

    The network runs on `device`, by default the first GPU where there is one. On a CPU it is
    compiled first: into a file in the folder `compiled`, if one is named, once for all processes
    that name it.
    """
    manifest = verify(directory)
    vocabulary = Vocabulary.load(directory / VOCABULARY)
    config = NetworkConfig(**manifest.architecture.model_dump(exclude={"name"}))
    if len(vocabulary) != config.vocabulary_size:
        raise ArtifactError(
            directory / VOCABULARY,
            f"it has {len(vocabulary)} tokens, {MANIFEST} says {config.vocabulary_size}",
        )
    network = SentimentCNN(config)
    try:
        load_weights(network, load_file(directory / WEIGHTS))
    except SafetensorError as error:
        raise ArtifactError(
            directory / WEIGHTS, f"it is not a safetensors file ({error})"
        ) from error
    except ValueError as error:
        raise ArtifactError(directory / WEIGHTS, str(error)) from error
    network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Classifier(
        network,
        vocabulary,
        manifest.labels,
        max_tokens=manifest.max_tokens,
        temperature=manifest.temperature,
        forward=forward_of(network, compiled and compiled / version(directory)),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
