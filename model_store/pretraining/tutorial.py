"""Load the tutorial's files, `cnn.pt` and `vocab_obj.pt`, without running code from them.

`vocab_obj.pt` is a pickle, which could call any function of any package. The unpickler here allows
only the few names that a vocabulary of torchtext 0.12 to 0.18 needs.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from model_store.errors import ImportFileError
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.network import NetworkConfig, SentimentCNN, load_weights
from model_store.model.vocabulary import Vocabulary
from model_store.pretraining.corpus import LABELS

MAX_TOKENS = 256
"""The number of tokens after which the tutorial cut its texts."""

_MAX_PICKLE_BYTES = 256 * 1024 * 1024


def load(state_dict: Path, vocabulary: Path) -> Classifier:
    """Return a classifier of the tutorial's files; raises ImportFileError."""
    tokens = read_vocabulary(vocabulary)
    network = SentimentCNN(NetworkConfig(vocabulary_size=len(tokens)))
    tensors = _read_state_dict(state_dict)
    try:
        load_weights(network, tensors)
    except ValueError as error:
        reason = f"for a vocabulary of {len(tokens)} tokens: {error}"
        raise ImportFileError(state_dict, reason) from error
    return Classifier(Encoder(network, tokens, max_tokens=MAX_TOKENS), Head.of(network.fc, LABELS))


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the vocabulary from a torchtext Vocab that was saved by `torch.save`."""
    try:
        module = _VocabularyUnpickler(io.BytesIO(_pickle_of(path))).load()
        _version, _default, tokens, *_ = module.state["vocab"].state
        return Vocabulary(tokens)
    except Exception as error:  # A broken pickle can raise anything; none of it ran code.
        raise ImportFileError(path, f"it is not a torchtext vocabulary ({error})") from error


def _pickle_of(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (entry,) = (info for info in archive.infolist() if info.filename.endswith("/data.pkl"))
        if entry.file_size > _MAX_PICKLE_BYTES:
            raise ValueError(f"its pickle has {entry.file_size} bytes")
        return archive.read(entry)


class _Object:
    """Replaces an object of torchtext: keeps its state and does nothing."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _VocabularyUnpickler(pickle.Unpickler):
    _NAMES: ClassVar = {
        ("torchtext.vocab.vocab", "Vocab"): _Object,
        ("torchtext._torchtext", "Vocab"): _Object,
        ("collections", "OrderedDict"): OrderedDict,
        ("builtins", "set"): set,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._NAMES[module.replace("__builtin__", "builtins"), name]
        except KeyError:
            message = f"it asks for {module}.{name}, which a vocabulary does not need"
            raise pickle.UnpicklingError(message) from None


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its readers raise.
        reason = str(error).partition("\n")[0]
        raise ImportFileError(
            path, f"it is not a state dict of plain tensors ({reason})"
        ) from error
    if not isinstance(content, dict) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise ImportFileError(path, "it is not a state dict, that is, a dict of names and tensors")
    return content
