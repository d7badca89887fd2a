"""Read and check model.json, the manifest of an artifact, and the files that it lists.

Knows nothing of weights: processes that only look at versions need not import torch.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_store.errors import ArtifactError
from model_store.files import open_file
from model_store.model.classification import Kind

MODEL_NAME = "sentiment-cnn"
PRETRAINED = Path(__file__).parent / "pretrained"
"""The artifact that ships."""

FORMAT = 4
"""The newest format of model.json that this release reads. Format 2 has heads with feature blocks;
format 3 has heads of more kinds, and beside each the one that is judged; format 4 has an origin. An
artifact without these is written in an earlier format, for earlier releases."""

MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.txt"
STRANGENESS = "strangeness.safetensors"
HEADS = "heads.safetensors"
PIECES = "pieces.txt"
VECTORS = "embedding.safetensors"

_MAX_WEIGHTS = 500_000_000
_MAX_MANIFEST_BYTES = 16 * 1024**2
_MAX_BYTES_PER_WEIGHT = 8
_MAX_BYTES_PER_TOKEN = 4096
_HEADER_BYTES = 1024**2
"""More than any file of an artifact has besides weights and tokens."""
_MAX_BLOCK_BYTES = 500_000_000
_BYTES_AT_ONCE = 1024**2

BlockName = Literal["encoder", "embedding", "ngrams"]
Widths = Mapping[str, Mapping[BlockName, int]]
"""The number of features of each block of a head, in their order, by control."""

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


class OriginSection(_Section):
    """The fields of Origin; the strangeness of each token is in strangeness.safetensors."""

    known_tokens: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    temperature_factors: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    strangeness: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _can_be_interpolated(self) -> Self:
        if len(self.temperature_factors) != len(self.known_tokens):
            raise ValueError("it has a temperature factor for each number of known tokens")
        if any(low >= high for low, high in pairwise(self.known_tokens)):
            raise ValueError("its numbers of known tokens must rise")
        if any(low > high for low, high in pairwise(self.strangeness)):
            raise ValueError("its quantiles of strangeness must not fall")
        return self


class HeadSection(_Section):
    """The head of a control; its weights are in heads.safetensors."""

    labels: tuple[str, ...] = Field(min_length=2)
    temperature: float = Field(gt=0, allow_inf_nan=False)
    kind: Kind = "single"
    thresholds: tuple[float, ...] | None = None
    """The probability from which on a text is given each label, if it has any number of them."""
    judged_temperature: float | None = Field(gt=0, allow_inf_nan=False, default=None)
    """That of the head without held-out tasks, whose weights are there, too; None without one."""

    @model_validator(mode="after")
    def _has_thresholds_for_its_kind(self) -> Self:
        expected = len(self.labels) if self.kind == "multiple" else None
        if (None if self.thresholds is None else len(self.thresholds)) != expected:
            raise ValueError("a head has a threshold for each label if a text has any number")
        return self

    @property
    def is_plain(self) -> bool:
        """Whether releases that know formats 1 and 2 can read it."""
        return self.kind == "single" and self.judged_temperature is None


class Manifest(_Section):
    """The content of model.json."""

    format: Literal[1, 2, 3, 4] = 1
    architecture: Architecture
    labels: tuple[str, ...]
    """The name of each class, in the order of the network's outputs."""
    tokenizer: Literal["basic_english"] = "basic_english"
    max_tokens: int = Field(gt=0, le=1_000_000)
    """Tokens read from a text; the rest is ignored."""
    temperature: float = Field(gt=0, allow_inf_nan=False, default=1.0)
    """The logits are divided by this before the softmax (Guo et al., 2017)."""
    origin: OriginSection | None = None
    """What the head of the network knows of the texts that it was fitted to."""
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


def read(directory: Path) -> Manifest:
    """Read and check model.json; raises ArtifactError.

    >>> manifest = read(PRETRAINED)
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
    expected = {WEIGHTS, VOCABULARY, *names_of_blocks(manifest.blocks)}
    if manifest.heads:
        expected.add(HEADS)
    if manifest.origin:
        expected.add(STRANGENESS)
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
    manifest = read(directory)
    for name, expected in manifest.files.items():
        actual = _sha256_of(directory / name, _max_bytes(manifest, name))
        if actual != expected:
            raise ArtifactError(
                directory / name, f"its SHA-256 is {actual}, {MANIFEST} says {expected}"
            )
    return manifest


def version(directory: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of model.json.

    model.json contains the hashes of the other files: equal artifacts have equal versions on every
    machine, and any change gives another version. Raises ArtifactError.

    >>> version(PRETRAINED)
    'b99666f290d4dc80'
    """
    return _sha256_of(directory / MANIFEST, _MAX_MANIFEST_BYTES)[:16]


def tag_of(directory: Path) -> str:
    """Return `sentiment-cnn:` and the version: the name of an artifact in every store.

    >>> tag_of(PRETRAINED)
    'sentiment-cnn:b99666f290d4dc80'
    """
    return f"{MODEL_NAME}:{version(directory)}"


def encoder_version(manifest: Manifest) -> str:
    """Return 16 hex digits that are equal for all artifacts with the same encoder."""
    parts = manifest.model_dump(
        mode="json", include={"architecture", "tokenizer", "max_tokens", "files"}
    )
    parts["files"] = {name: parts["files"][name] for name in sorted((VOCABULARY, WEIGHTS))}
    return sha256(json.dumps(parts, sort_keys=True).encode())[:16]


def names_of_blocks(widths: Widths) -> Iterator[str]:
    """Yield the names of the files of all blocks.

    >>> sorted(names_of_blocks({"topic": {"embedding": 512, "ngrams": 90}}))
    ['embedding.safetensors', 'ngrams-0.txt', 'pieces.txt']
    """
    for index, blocks in enumerate(widths.values()):
        if "embedding" in blocks:
            yield from (PIECES, VECTORS)
        if "ngrams" in blocks:
            yield ngrams_file(index)


def ngrams_file(index: int) -> str:
    """Return the name of the file with the n-grams of the head with this place in `blocks`."""
    return f"ngrams-{index}.txt"


def _open(path: Path, max_bytes: int) -> BinaryIO:
    try:
        return open_file(path, max_bytes)
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error


def _max_bytes(manifest: Manifest, name: str) -> int:
    """Return a bound for the size of a file, by what model.json says that it contains."""
    if name == VOCABULARY:
        return _HEADER_BYTES + manifest.architecture.vocabulary_size * _MAX_BYTES_PER_TOKEN
    if name == STRANGENESS:
        return _HEADER_BYTES + manifest.architecture.vocabulary_size * _MAX_BYTES_PER_WEIGHT
    if name not in (WEIGHTS, HEADS):
        return _MAX_BLOCK_BYTES
    weights = manifest.architecture.weights
    if name == HEADS:
        features = manifest.architecture.filters * len(manifest.architecture.kernel_sizes)
        weights = sum(
            len(head.labels)
            * (sum(manifest.blocks.get(control, {"encoder": features}).values()) + 1)
            * (1 if head.judged_temperature is None else 2)
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


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
