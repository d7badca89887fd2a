"""Save and load feature blocks: word pieces with vectors, and n-grams. No file can run code."""

from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model_store.errors import ArtifactError
from model_store.manifests import PIECES, VECTORS, BlockName, Widths, ngrams_file
from model_store.model.blocks.concatenated import Block, Concatenated
from model_store.model.blocks.embedding import StaticEmbedding
from model_store.model.blocks.ngrams import Ngrams
from model_store.model.encoder import Encoder, TextEncoder

SHIPPED = Path(__file__).parent / "embedding"
"""The folder of the embedding that ships."""
PIECES_HEADER = (
    "# word pieces, format 1: one a line, its vector is that of the line's number from 0"
)
NGRAMS_HEADER = "# n-grams, format 1: inverse document frequency, tab, n-gram"


def save(directory: Path, encoders: Mapping[str, TextEncoder]) -> dict[str, dict[BlockName, int]]:
    """Write the blocks of the encoders of controls, without the network; return their widths.

    All encoders must have the same embedding.
    """
    widths: dict[str, dict[BlockName, int]] = {}
    for index, (control, encoder) in enumerate(encoders.items()):
        assert isinstance(encoder, Concatenated)
        for block in encoder.blocks.values():
            if isinstance(block, StaticEmbedding) and not (directory / PIECES).exists():
                save_embedding(directory, block)
            elif isinstance(block, Ngrams):
                save_ngrams(directory / ngrams_file(index), block)
        widths[control] = {_name_of(block): block.width for block in encoder.blocks.values()}
    return widths


def load(
    directory: Path,
    widths: Widths,
    encoder: Encoder,
    hashes: Mapping[str, str],
    known: MutableMapping[str, Block],
) -> dict[str, TextEncoder]:
    """Load the encoders that `save` wrote, by control; raises ArtifactError.

    encoder: the network of the artifact. hashes: the SHA-256 of each file; an embedding that is
    known by its hashes is not loaded again, others are added to `known`.
    """
    result: dict[str, TextEncoder] = {}
    for index, (control, expected) in enumerate(widths.items()):
        blocks: dict[str, Block] = {}
        for name in expected:
            if name == "encoder":
                blocks[name] = encoder
            elif name == "ngrams":
                path = directory / ngrams_file(index)
                blocks[name] = load_ngrams(path, max_tokens=encoder.max_tokens)
            else:
                key = f"{hashes[PIECES]} {hashes[VECTORS]} {encoder.max_tokens}"
                if key not in known:
                    known[key] = load_embedding(directory, max_tokens=encoder.max_tokens)
                blocks[name] = known[key]
        result[control] = joined = Concatenated(blocks)
        if (found := joined.widths) != expected:
            raise ArtifactError(directory, f"its blocks must have {expected} features, not {found}")
    return result


def _name_of(block: Block) -> BlockName:
    if isinstance(block, StaticEmbedding):
        return "embedding"
    return "ngrams" if isinstance(block, Ngrams) else "encoder"


def save_embedding(directory: Path, embedding: StaticEmbedding) -> None:
    """Write the pieces as text and the vectors in half precision, as two new files."""
    _write(directory / PIECES, PIECES_HEADER, embedding.pieces)
    save_file({"vectors": embedding.vectors.half().contiguous()}, directory / VECTORS)


def load_embedding(directory: Path, *, max_tokens: int = 1024) -> StaticEmbedding:
    """Read what `save_embedding` wrote; raises ArtifactError for any other file.

    >>> embedding = load_embedding(SHIPPED)
    >>> embedding.pieces_of("wonderfully") != []
    True
    """
    pieces = _read(directory / PIECES, PIECES_HEADER)
    path = directory / VECTORS
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(path, f"it cannot be read as safetensors ({error})") from error
    vectors = tensors.get("vectors", torch.empty(0))
    if set(tensors) != {"vectors"} or vectors.dim() != 2 or len(vectors) != len(pieces):  # noqa: PLR2004
        raise ArtifactError(
            path, f"it must have one vector for each of the {len(pieces)} pieces in {PIECES}"
        )
    if not vectors.is_floating_point() or not vectors.isfinite().all():
        raise ArtifactError(path, "a weight is not a finite number")
    try:
        return StaticEmbedding(pieces, vectors, max_tokens=max_tokens)
    except ValueError as error:
        raise ArtifactError(directory / PIECES, str(error)) from error


def save_ngrams(path: Path, ngrams: Ngrams) -> None:
    """Write n-grams and their weights to a new text file in UTF-8."""
    pairs = zip(ngrams.idf.tolist(), ngrams.vocabulary, strict=True)
    _write(path, NGRAMS_HEADER, [f"{idf!r}\t{ngram}" for idf, ngram in pairs])


def load_ngrams(path: Path, *, max_tokens: int = 1024) -> Ngrams:
    """Read a file that `save_ngrams` wrote; raises ArtifactError for any other file."""
    pairs = [line.partition("\t") for line in _read(path, NGRAMS_HEADER)]
    try:
        idf = [float(number) for number, _, _ in pairs]
        return Ngrams([ngram for _, _, ngram in pairs], idf, max_tokens=max_tokens)
    except ValueError as error:
        raise ArtifactError(path, str(error)) from error


def _write(path: Path, header: str, lines: Sequence[str]) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write("\n".join((header, *lines, "")))


def _read(path: Path, header: str) -> list[str]:
    """Return the lines after the header; raises ArtifactError."""
    try:
        # Not splitlines(): pieces may contain characters that it treats as line ends.
        found, *lines, last = path.read_bytes().decode("utf-8").split("\n")
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise ArtifactError(path, f"it is not UTF-8 text with a header ({error})") from error
    if found != header:
        raise ArtifactError(path, f"its first line is not {header!r}")
    if last:
        raise ArtifactError(path, "it is cut short: its last line does not end")
    return lines
