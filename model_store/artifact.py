"""Save and load a classifier as a directory: weights, vocabulary, heads, and model.json.

Loading checks every file, and no file can run code. Does not decide where artifacts are kept: see
`store.py`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model_store import block_files
from model_store.errors import ArtifactError, ArtifactExistsError
from model_store.files import atomic_folder
from model_store.manifests import (
    HEADS,
    MANIFEST,
    STRANGENESS,
    VOCABULARY,
    WEIGHTS,
    Architecture,
    HeadSection,
    Manifest,
    OriginSection,
    encoder_version,
    sha256,
    verify,
)
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
from model_store.model.origin import Origin, Strangeness
from model_store.model.vocabulary import Vocabulary


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
        origin = _save_origin(draft, encoder, classifier.head)
        if classifier.heads:
            save_file(_tensors_of(classifier.heads.values()), draft / HEADS)
        blocks = block_files.save(draft, classifier.encoders)
        heads = {control: _section_of(head) for control, head in classifier.heads.items()}
        is_plain = all(section.is_plain for section in heads.values())
        manifest = Manifest(
            format=4 if origin else (2 if blocks else 1) if is_plain else 3,
            architecture=Architecture(**vars(encoder.network.config)),
            labels=classifier.labels,
            max_tokens=encoder.max_tokens,
            temperature=classifier.head.temperature,
            origin=origin,
            heads=heads,
            blocks=blocks,
            training=training,
            metrics=metrics,
            files={file.name: sha256(file.read_bytes()) for file in sorted(draft.iterdir())},
        )
        # Earlier releases refuse fields that they do not know.
        absent = {name for name in ("blocks", "origin") if not getattr(manifest, name)}
        content = manifest.model_dump(mode="json", exclude=absent)
        content["heads"] = {
            control: section.model_dump(mode="json", exclude_defaults=True)
            for control, section in heads.items()
        }
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")
        draft.chmod(0o755)
        for file in draft.iterdir():
            file.chmod(0o644)  # safetensors makes its files readable by their owner only
    return manifest


def check(directory: Path) -> Manifest:
    """Check that an artifact can be loaded and return its manifest; raises ArtifactError.

    Does all that `load` does, but does not compile the network.
    """
    manifest = verify(directory)
    network, vocabulary = _load_network(directory, manifest)
    encoder = Encoder(network, vocabulary, max_tokens=manifest.max_tokens, features=_no_features)
    _load_strangeness(directory, manifest)
    block_files.load(directory, manifest.blocks, encoder, manifest.files, {})
    _load_heads(directory, manifest, encoder.width)
    return manifest


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

    >>> from model_store.manifests import PRETRAINED
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
    origin = Origin(**manifest.origin.model_dump()) if manifest.origin else None
    head = Head.of(encoder.network.fc, manifest.labels, manifest.temperature, origin)
    heads = _load_heads(directory, manifest, encoder.width)
    blocks = block_files.load(directory, manifest.blocks, encoder, manifest.files, known)
    return Classifier(encoder, head, heads, blocks)


def _load_encoder(
    directory: Path, manifest: Manifest, device: torch.device | str | None, shared: Path | None
) -> Encoder:
    network, vocabulary = _load_network(directory, manifest)
    network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Encoder(
        network,
        vocabulary,
        max_tokens=manifest.max_tokens,
        features=features_of(network, shared),
        strangeness=_load_strangeness(directory, manifest),
    )


def _load_network(directory: Path, manifest: Manifest) -> tuple[SentimentCNN, Vocabulary]:
    vocabulary = Vocabulary.load(directory / VOCABULARY)
    config = NetworkConfig(**manifest.architecture.model_dump(exclude={"name"}))
    if len(vocabulary) != config.vocabulary_size:
        raise ArtifactError(
            directory / VOCABULARY,
            f"it has {len(vocabulary)} tokens, {MANIFEST} says {config.vocabulary_size}",
        )
    tensors = _load_tensors(directory / WEIGHTS)
    try:
        # Before the network is built: model.json can name one of any size.
        check_shapes(tensors, config.shapes)
        network = SentimentCNN(config)
        load_weights(network, tensors)
    except ValueError as error:
        raise ArtifactError(directory / WEIGHTS, str(error)) from error
    return network, vocabulary


def _save_origin(directory: Path, encoder: Encoder, head: Head) -> OriginSection | None:
    """Write what a head knows of its origin, if encoder and head have all of it."""
    if encoder.strangeness is None or head.origin is None:
        return None
    save_file({"of_tokens": encoder.strangeness.of_tokens.half()}, directory / STRANGENESS)
    return OriginSection(**vars(head.origin))


def _load_strangeness(directory: Path, manifest: Manifest) -> Strangeness | None:
    if manifest.origin is None:
        return None
    tensors = _load_tensors(directory / STRANGENESS)
    try:
        check_weights(tensors, {"of_tokens": [manifest.architecture.vocabulary_size]})
    except ValueError as error:
        raise ArtifactError(directory / STRANGENESS, str(error)) from error
    return Strangeness(tensors["of_tokens"])


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
        for prefix in _prefixes(index, section):
            expected[f"{prefix}weight"] = [len(section.labels), features]
            expected[f"{prefix}bias"] = [len(section.labels)]
    try:
        check_weights(tensors, expected)
    except ValueError as error:
        raise ArtifactError(path, str(error)) from error
    return {
        control: _head_of(section, tensors, index)
        for index, (control, section) in enumerate(manifest.heads.items())
    }


def _prefixes(index: int, section: HeadSection) -> Iterator[str]:
    """Yield how the names of a head's tensors begin: the head's, and that of the judged one."""
    yield f"{index}."
    if section.judged_temperature is not None:
        yield f"{index}.judged."


def _head_of(section: HeadSection, tensors: Mapping[str, Tensor], index: int) -> Head:
    temperatures = (section.temperature, section.judged_temperature)
    heads = [
        Head(
            section.labels,
            tensors[f"{prefix}weight"],
            tensors[f"{prefix}bias"],
            temperature or 1.0,
            section.kind,
            section.thresholds,
        )
        for prefix, temperature in zip(_prefixes(index, section), temperatures, strict=False)
    ]
    return replace(heads[0], judged=heads[1]) if len(heads) > 1 else heads[0]


def _section_of(head: Head) -> HeadSection:
    return HeadSection(
        labels=head.labels,
        temperature=head.temperature,
        kind=head.kind,
        thresholds=head.thresholds,
        judged_temperature=head.judged.temperature if head.judged else None,
    )


def _tensors_of(heads: Iterable[Head]) -> dict[str, Tensor]:
    tensors = {}
    for index, head in enumerate(heads):
        for prefix, each in ((f"{index}.", head), (f"{index}.judged.", head.judged)):
            if each is not None:
                # Copies: a file of safetensors refuses tensors that share memory.
                tensors[f"{prefix}weight"] = each.weight.float().contiguous().clone()
                tensors[f"{prefix}bias"] = each.bias.float().contiguous().clone()
    return tensors


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ArtifactError(path, f"it is not a safetensors file ({error})") from error
