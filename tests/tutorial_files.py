"""The tutorial's two files, small and with random weights."""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

TOKENS = ["<unk>", "<pad>", "the", "good", "bad", "film", ".", ","]


def vocabulary_pickle(tokens: list[str]) -> bytes:
    """Return a pickle of torchtext's Vocab by hand: its classes cannot be imported here."""
    inner = pickle.dumps(("0.0.2", [0], tokens, []), protocol=2)[2:-1]
    return (
        b"\x80\x02ctorchtext.vocab.vocab\nVocab\n)\x81}(X\x05\x00\x00\x00vocab"
        b"ctorchtext._torchtext\nVocab\n)\x81" + inner + b"bX\x08\x00\x00\x00_buffers"
        b"ccollections\nOrderedDict\n)Rub."
    )


def write_archive(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vocab_obj/data.pkl", content)
    return path


def write_state_dict(path: Path, tokens: int = len(TOKENS)) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (tokens, 300)}
    for index, size in enumerate((3, 5, 7)):
        shapes[f"convs.{index}.weight"] = (100, 300, size)
        shapes[f"convs.{index}.bias"] = (100,)
    shapes |= {"fc.weight": (2, 300), "fc.bias": (2,)}
    state = OrderedDict(
        (name, torch.randn(shape, generator=generator) * 0.1) for name, shape in shapes.items()
    )
    torch.save(state, path)
    return state
