"""Save and load a classifier as a directory: weights, vocabulary, heads, and model.json.

Loading checks every file, and no file can run code. Does not decide where artifacts are kept: see
`store.py`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model_store import block_files
from model_store.block_files import BlockName
from model_store.errors import ArtifactError, ArtifactExistsError
from model_store.files import atomic_folder, open_file
from model_store.model.blocks.concatenated import Block
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.inference import features_of
from model_store.model.network import (
    NetworkConfig,
    SentimentCNN,
    check_shapes,
    check_weights,
    load_weights,
)
from model_store.model.vocabulary import Vocabulary

MODEL_NAME = "sentiment-cnn"
PRETRAINED = Path(__file__).parent / "pretrained"
"""The artifact that ships."""

FORMAT = 2
"""The newest format of model.json that this release reads. Format 2 has heads with feature blocks;
an artifact without them is written in format 1, for earlier releases."""

MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.txt"
HEADS = "heads.safetensors"

_MAX_WEIGHTS = 500_000_000
_MAX_MANIFEST_BYTES = 16 * 1024**2
_MAX_BYTES_PER_WEIGHT = 8
_MAX_BYTES_PER_TOKEN = 4096
_HEADER_BYTES = 1024**2
"""More than any file of an artifact has besides weights and tokens."""
_MAX_BLOCK_BYTES = 500_000_000
_BYTES_AT_ONCE = 1024**2

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Architecture(_Section):
    """The fields of NetworkConfig."""

    name: Literal["SentimentCNN"] = "SentimentCNN"
    vocabulary_size: int = Field(ge=2)
    embedding_dim: int = Field(gt=0)
    filters: int = Field(gt=0)
    kernel_sizes: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    classes: int = Field(ge=2)
    dropout: float = Field(ge=0, lt=1)

    @property
    def weights(self) -> int:
        """The number of weights of the network."""
        of_filter = self.embedding_dim * sum(self.kernel_sizes) + len(self.kernel_sizes)
        of_class = self.filters * len(self.kernel_sizes) + 1
        of_tokens = self.vocabulary_size * self.embedding_dim
        return of_tokens + self.filters * of_filter + self.classes * of_class

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        if self.weights > _MAX_WEIGHTS:
            raise ValueError(
                f"the network has {self.weights} weights, and at most {_MAX_WEIGHTS} can be served"
            )
        return self


class HeadSection(_Section):
    """The head of a control; its weights are in heads.safetensors."""

    labels: tuple[str, ...] = Field(min_length=2)
    temperature: float = Field(gt=0, allow_inf_nan=False)


class Manifest(_Section):
    """The content of model.json."""

    format: Literal[1, 2] = 1
    architecture: Architecture
    labels: tuple[str, ...]
    """The name of each class, in the order of the network's outputs."""
    tokenizer: Literal["basic_english"] = "basic_english"
    max_tokens: int = Field(gt=0, le=1_000_000)
    """Tokens read from a text; the rest is ignored."""
    temperature: float = Field(gt=0, allow_inf_nan=False, default=1.0)
    """The logits are divided by this before the softmax (Guo et al., 2017)."""
    heads: Mapping[str, HeadSection] = {}
    """The heads by control, in the order of their weights."""
    blocks: Mapping[str, Mapping[BlockName, Annotated[int, Field(gt=0)]]] = {}
    """The number of features of each block of a head, in their order, by control. A head that is
    not listed has the features of the network."""
    training: Mapping[str, Any] = {}
    """The origin of the weights: command, seed, data hash, package versions."""
    metrics: Mapping[str, Any] = {}
    """Measured values, by the data they were measured on."""
    files: Mapping[str, Sha256]
    """SHA-256 of every other file of the artifact."""


def save(
    directory: Path,
    classifier: Classifier,
    *,
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> Manifest:
    """Write a classifier as a new artifact and return its manifest.

    The network is stored in half precision. The directory appears whole or not at all. Raises
    ArtifactExistsError if the directory exists, and ArtifactError if the classifier is a model of
    your own, which only its own code can store.
    """
    if directory.exists():
        raise ArtifactExistsError(directory)
    encoder = classifier.encoder
    if not isinstance(encoder, Encoder):
        raise ArtifactError(directory, "only a SentimentCNN can be saved as an artifact")
    with atomic_folder(directory) as draft:
        weights = {
            name: tensor.detach().to("cpu", torch.float16).contiguous()
            for name, tensor in encoder.network.state_dict().items()
        }
        save_file(weights, draft / WEIGHTS)
        encoder.vocabulary.save(draft / VOCABULARY)
        if classifier.heads:
            save_file(_tensors_of(classifier.heads.values()), draft / HEADS)
        blocks = block_files.save(draft, classifier.encoders)
        manifest = Manifest(
            format=2 if blocks else 1,
            architecture=Architecture(**vars(encoder.network.config)),
            labels=classifier.labels,
            max_tokens=encoder.max_tokens,
            temperature=classifier.head.temperature,
            heads={
                control: HeadSection(labels=head.labels, temperature=head.temperature)
                for control, head in classifier.heads.items()
            },
            blocks=blocks,
            training=training,
            metrics=metrics,
            files={file.name: _sha256(file.read_bytes()) for file in sorted(draft.iterdir())},
        )
        content = manifest.model_dump(mode="json", exclude=None if blocks else {"blocks"})
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")
        draft.chmod(0o755)
        for file in draft.iterdir():
            file.chmod(0o644)  # safetensors makes its files readable by their owner only
    return manifest


def read_manifest(directory: Path) -> Manifest:
    """Read and check model.json; raises ArtifactError.

    >>> manifest = read_manifest(PRETRAINED)
    >>> manifest.labels, manifest.max_tokens
    (('Negative', 'Positive'), 1024)
    """
    path = directory / MANIFEST
    with _open(path, _MAX_MANIFEST_BYTES) as file:
        content = file.read()
    _check_format(path, content)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise ArtifactError(path, f"{where}: {first['msg']}") from error
    if len(manifest.labels) != manifest.architecture.classes:
        raise ArtifactError(
            path,
            f"it has {len(manifest.labels)} labels for {manifest.architecture.classes} classes",
        )
    if not set(manifest.blocks) <= set(manifest.heads):
        raise ArtifactError(path, "it has blocks for a head that does not exist")
    expected = {WEIGHTS, VOCABULARY, *block_files.names(manifest.blocks)}
    if manifest.heads:
        expected.add(HEADS)
    if set(manifest.files) != expected:
        raise ArtifactError(path, f"it must list {', '.join(sorted(expected))} under files")
    return manifest


def _check_format(path: Path, content: bytes) -> None:
    """Refuse a newer format before its unknown fields are looked at."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return  # the caller composes the message
    found = document.get("format", FORMAT) if isinstance(document, dict) else FORMAT
    if isinstance(found, int) and found > FORMAT:
        raise ArtifactError(
            path,
            f"a newer release wrote it, in format {found}, and this one reads formats up to "
            f"{FORMAT}: upgrade this installation",
        )


def verify(directory: Path) -> Manifest:
    """Check every file of an artifact against its hash in model.json and return the manifest.

    Raises ArtifactError, which names the file.
    """
    manifest = read_manifest(directory)
    for name, expected in manifest.files.items():
        actual = _sha256_of(directory / name, _max_bytes(manifest, name))
        if actual != expected:
            raise ArtifactError(
                directory / name, f"its SHA-256 is {actual}, {MANIFEST} says {expected}"
            )
    return manifest


def check(directory: Path) -> Manifest:
    """Check that an artifact can be loaded and return its manifest; raises ArtifactError.

    Does all that `load` does, but does not compile the network.
    """
    manifest = verify(directory)
    network, vocabulary = _load_network(directory, manifest)
    encoder = Encoder(network, vocabulary, max_tokens=manifest.max_tokens, features=_no_features)
    block_files.load(directory, manifest.blocks, encoder, manifest.files, {})
    _load_heads(directory, manifest, encoder.width)
    return manifest


def version(directory: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of model.json.

    model.json contains the hashes of the other files: equal artifacts have equal versions on every
    machine, and any change gives another version. Raises ArtifactError.

    >>> version(PRETRAINED)
    '0bd9c79f263c7b68'
    """
    return _sha256_of(directory / MANIFEST, _MAX_MANIFEST_BYTES)[:16]


def tag_of(directory: Path) -> str:
    """Return `sentiment-cnn:` and the version: the name of an artifact in every store.

    >>> tag_of(PRETRAINED)
    'sentiment-cnn:0bd9c79f263c7b68'
    """
    return f"{MODEL_NAME}:{version(directory)}"


def encoder_version(manifest: Manifest) -> str:
    """Return 16 hex digits that are equal for all artifacts with the same encoder."""
    parts = manifest.model_dump(
        mode="json", include={"architecture", "tokenizer", "max_tokens", "files"}
    )
    parts["files"] = {name: parts["files"][name] for name in sorted((VOCABULARY, WEIGHTS))}
    return _sha256(json.dumps(parts, sort_keys=True).encode())[:16]


def load(
    directory: Path,
    *,
    device: torch.device | str | None = None,
    compiled: Path | None = None,
    encoders: MutableMapping[str, Block] | None = None,
) -> Classifier:
    """Load an artifact and check every part of it; raises ArtifactError.

    device: where the network runs; by default the first GPU, or the CPU if there is none.
    compiled: a folder for the compiled network, which processes on a CPU share; without it, each
    process keeps its own copy in memory.
    encoders: loaded encoders and embeddings by version; a missing one is loaded and added.

    >>> load(PRETRAINED, device="cpu").classify(["A wonderful film!"])[0].label
    'Positive'
    """
    manifest = verify(directory)
    known = {} if encoders is None else encoders
    name = encoder_version(manifest)
    if name not in known:
        known[name] = _load_encoder(directory, manifest, device, compiled and compiled / name)
    encoder = known[name]
    assert isinstance(encoder, Encoder)
    head = Head.of(encoder.network.fc, manifest.labels, manifest.temperature)
    heads = _load_heads(directory, manifest, encoder.width)
    blocks = block_files.load(directory, manifest.blocks, encoder, manifest.files, known)
    return Classifier(encoder, head, heads, blocks)


def _load_encoder(
    directory: Path, manifest: Manifest, device: torch.device | str | None, shared: Path | None
) -> Encoder:
    network, vocabulary = _load_network(directory, manifest)
    network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    features = features_of(network, shared)
    return Encoder(network, vocabulary, max_tokens=manifest.max_tokens, features=features)


def _load_network(directory: Path, manifest: Manifest) -> tuple[SentimentCNN, Vocabulary]:
    vocabulary = Vocabulary.load(directory / VOCABULARY)
    config = NetworkConfig(**manifest.architecture.model_dump(exclude={"name"}))
    if len(vocabulary) != config.vocabulary_size:
        raise ArtifactError(
            directory / VOCABULARY,
            f"it has {len(vocabulary)} tokens, {MANIFEST} says {config.vocabulary_size}",
        )
    tensors = _load_tensors(directory / WEIGHTS)
    with torch.device("meta"):  # Shapes alone: model.json can name a network of any size.
        expected = {name: list(w.shape) for name, w in SentimentCNN(config).state_dict().items()}
    try:
        check_shapes(tensors, expected)
        network = SentimentCNN(config)
        load_weights(network, tensors)
    except ValueError as error:
        raise ArtifactError(directory / WEIGHTS, str(error)) from error
    return network, vocabulary


def _no_features(_: object) -> Tensor:
    raise AssertionError("only the shapes of this encoder are used")


def _load_heads(directory: Path, manifest: Manifest, width: int) -> dict[str, Head]:
    if not manifest.heads:
        return {}
    path = directory / HEADS
    tensors = _load_tensors(path)
    expected = {}
    for index, (control, section) in enumerate(manifest.heads.items()):
        features = sum(manifest.blocks.get(control, {"encoder": width}).values())
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


def _open(path: Path, max_bytes: int) -> BinaryIO:
    try:
        return open_file(path, max_bytes)
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error


def _max_bytes(manifest: Manifest, name: str) -> int:
    """Return a bound for the size of a file, by what model.json says that it contains."""
    if name == VOCABULARY:
        return _HEADER_BYTES + manifest.architecture.vocabulary_size * _MAX_BYTES_PER_TOKEN
    if name not in (WEIGHTS, HEADS):
        return _MAX_BLOCK_BYTES
    weights = manifest.architecture.weights
    if name == HEADS:
        features = manifest.architecture.filters * len(manifest.architecture.kernel_sizes)
        weights = sum(
            len(head.labels)
            * (sum(manifest.blocks.get(control, {"encoder": features}).values()) + 1)
            for control, head in manifest.heads.items()
        )
    # The header of a file of safetensors names each tensor.
    return _HEADER_BYTES * (1 + len(manifest.heads)) + weights * _MAX_BYTES_PER_WEIGHT


def _sha256_of(path: Path, max_bytes: int) -> str:
    digest = hashlib.sha256()
    with _open(path, max_bytes) as file:
        while part := file.read(_BYTES_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
