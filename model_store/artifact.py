"""A classifier as a directory: weights, vocabulary, the heads of controls, and model.json.

Everything is checked on loading, and nothing in it can run code. Knows nothing of where
artifacts are kept: see `store.py`.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model_store.errors import ArtifactError, ArtifactExistsError
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.inference import features_of
from model_store.model.network import NetworkConfig, SentimentCNN, check_weights, load_weights
from model_store.model.vocabulary import Vocabulary

MODEL_NAME = "sentiment-cnn"
PRETRAINED = Path(__file__).parent / "pretrained"
"""The artifact that ships."""

MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.txt"
HEADS = "heads.safetensors"

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


class HeadSection(_Section):
    """What is to be known of the head of a control, beside its weights in heads.safetensors."""

    labels: tuple[str, ...] = Field(min_length=2)
    temperature: float = Field(gt=0)


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
    heads: Mapping[str, HeadSection] = {}
    """By control, in the order of their weights."""
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
    """Write a classifier as a new artifact; the network is stored in half precision.

    The directory appears whole or not at all. Raises ArtifactExistsError if it is there already.
    """
    if directory.exists():
        raise ArtifactExistsError(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        draft.chmod(0o755)
        encoder = classifier.encoder
        weights = {
            name: tensor.detach().to("cpu", torch.float16).contiguous()
            for name, tensor in encoder.network.state_dict().items()
        }
        save_file(weights, draft / WEIGHTS)
        encoder.vocabulary.save(draft / VOCABULARY)
        if classifier.heads:
            save_file(_tensors_of(classifier.heads.values()), draft / HEADS)
        manifest = Manifest(
            architecture=Architecture(**vars(encoder.network.config)),
            labels=classifier.labels,
            max_tokens=encoder.max_tokens,
            temperature=classifier.head.temperature,
            heads={
                control: HeadSection(labels=head.labels, temperature=head.temperature)
                for control, head in classifier.heads.items()
            },
            training=training,
            metrics=metrics,
            files={file.name: _sha256(file.read_bytes()) for file in sorted(draft.iterdir())},
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")
        for file in draft.iterdir():
            file.chmod(0o644)  # safetensors makes its own readable for their owner alone
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
    expected = {WEIGHTS, VOCABULARY, HEADS} if manifest.heads else {WEIGHTS, VOCABULARY}
    if set(manifest.files) != expected:
        raise ArtifactError(path, f"it must list {', '.join(sorted(expected))} under files")
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


def encoder_version(manifest: Manifest) -> str:
    """A name for the encoder of an artifact: the same for all that differ in their heads alone."""
    parts = manifest.model_dump(
        mode="json", include={"architecture", "tokenizer", "max_tokens", "files"}
    )
    parts["files"].pop(HEADS, None)
    return _sha256(json.dumps(parts, sort_keys=True).encode())[:16]


def load(
    directory: Path,
    *,
    device: torch.device | str | None = None,
    compiled: Path | None = None,
    encoders: MutableMapping[str, Encoder] | None = None,
) -> Classifier:
    """Load an artifact, every part of it checked; raises ArtifactError.

    The network runs on `device`, by default the first GPU where there is one. On a CPU it is
    compiled first: into a file in the folder `compiled`, if one is named, once for all processes
    that name it. An encoder that is in `encoders`, by its version, is not loaded again; one that
    is not is put there.
    """
    manifest = verify(directory)
    known = {} if encoders is None else encoders
    name = encoder_version(manifest)
    if name not in known:
        known[name] = _load_encoder(directory, manifest, device, compiled and compiled / name)
    encoder = known[name]
    head = Head.of(encoder.network.fc, manifest.labels, manifest.temperature)
    return Classifier(
        encoder, head, _load_heads(directory, manifest, encoder.network.config.features)
    )


def _load_encoder(
    directory: Path, manifest: Manifest, device: torch.device | str | None, shared: Path | None
) -> Encoder:
    vocabulary = Vocabulary.load(directory / VOCABULARY)
    config = NetworkConfig(**manifest.architecture.model_dump(exclude={"name"}))
    if len(vocabulary) != config.vocabulary_size:
        raise ArtifactError(
            directory / VOCABULARY,
            f"it has {len(vocabulary)} tokens, {MANIFEST} says {config.vocabulary_size}",
        )
    network = SentimentCNN(config)
    try:
        load_weights(network, _load_tensors(directory / WEIGHTS))
    except ValueError as error:
        raise ArtifactError(directory / WEIGHTS, str(error)) from error
    network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    features = features_of(network, shared)
    return Encoder(network, vocabulary, max_tokens=manifest.max_tokens, features=features)


def _load_heads(directory: Path, manifest: Manifest, features: int) -> dict[str, Head]:
    if not manifest.heads:
        return {}
    path = directory / HEADS
    tensors = _load_tensors(path)
    expected = {}
    for index, section in enumerate(manifest.heads.values()):
        expected[f"{index}.weight"] = [len(section.labels), features]
        expected[f"{index}.bias"] = [len(section.labels)]
    try:
        check_weights(tensors, expected)
    except ValueError as error:
        raise ArtifactError(path, str(error)) from error
    return {
        control: Head(
            section.labels,
            tensors[f"{index}.weight"],
            tensors[f"{index}.bias"],
            section.temperature,
        )
        for index, (control, section) in enumerate(manifest.heads.items())
    }


def _tensors_of(heads: Iterable[Head]) -> dict[str, Tensor]:
    tensors = {}
    for index, head in enumerate(heads):
        tensors[f"{index}.weight"] = head.weight.float().contiguous()
        tensors[f"{index}.bias"] = head.bias.float().contiguous()
    return tensors


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ArtifactError(path, f"it is not a safetensors file ({error})") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
