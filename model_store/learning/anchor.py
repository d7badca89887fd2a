"""The anchor: features and labels of texts that no head for the shipped labels may get worse on.

It holds no texts. `pretraining/anchor.py` makes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model_store.errors import ArtifactError
from model_store.learning.fitters import Examples
from model_store.learning.gate import Check, check_anchor
from model_store.model.head import Head

SHIPPED = Path(__file__).parents[1] / "anchor"
"""The anchors that ship: of the model that ships, and of those that earlier releases did."""
_WIDTHS = ("encoder", "embedding")


@dataclass(frozen=True)
class Anchor:
    """Texts of several sources and lengths, as a head sees them."""

    labels: tuple[str, ...]
    widths: Mapping[str, int]
    """The number of features of each block, in their order."""
    kept: Tensor
    """(texts, features) of the texts that every fit also learns from."""
    kept_classes: Tensor
    """(texts,) indices of `labels`."""
    judged: Mapping[str, tuple[Tensor, Tensor]]
    """Features and classes of texts that judge, by their source."""

    def examples(self) -> Examples:
        """Return what every fit also learns from."""
        targets = np.eye(len(self.labels))[self.kept_classes.numpy()]
        return Examples(self.kept, targets, self.labels)

    def check(self, head: Head, shipped: Head) -> Check:
        """Compare a head on all features with the shipped head, which sees the encoder's."""
        width = self.widths["encoder"]
        return check_anchor(
            {
                source: (
                    _right(head, features, classes),
                    _right(shipped, features[:, :width], classes),
                )
                for source, (features, classes) in self.judged.items()
            }
        )


def _right(head: Head, features: Tensor, classes: Tensor) -> NDArray[np.bool_]:
    return (head.logits(features).argmax(dim=1) == classes).numpy()


def save(folder: Path, anchor: Anchor, encoder: str, embedding: str) -> None:
    """Write an anchor in half precision, with the versions of its encoder and its embedding."""
    tensors = {"kept": anchor.kept.half(), "kept.classes": anchor.kept_classes.byte()}
    for source, (features, classes) in anchor.judged.items():
        tensors |= {f"judged.{source}": features.half(), f"classes.{source}": classes.byte()}
    facts = {
        "encoder": encoder,
        "embedding": embedding,
        "labels": "\n".join(anchor.labels),
        "widths": " ".join(str(anchor.widths[name]) for name in _WIDTHS),
    }
    contiguous = {name: each.contiguous() for name, each in tensors.items()}
    save_file(contiguous, _file(folder, encoder), facts)


def load(folder: Path, encoder: str, embedding: str) -> Anchor | None:
    """Read the anchor of an encoder and an embedding; None if the folder has none for both.

    Raises ArtifactError if it cannot be read.
    """
    path = _file(folder, encoder)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ArtifactError(path, f"it cannot be read as safetensors ({error})") from error
    if (facts.get("encoder"), facts.get("embedding")) != (encoder, embedding):
        return None
    widths = [int(width) for width in facts["widths"].split()]
    sources = [name.removeprefix("judged.") for name in tensors if name.startswith("judged.")]
    return Anchor(
        tuple(facts["labels"].split("\n")),
        dict(zip(_WIDTHS, widths, strict=True)),
        tensors["kept"].float(),
        tensors["kept.classes"].long(),
        {
            source: (tensors[f"judged.{source}"].float(), tensors[f"classes.{source}"].long())
            for source in sources
        },
    )


def _file(folder: Path, encoder: str) -> Path:
    return folder / f"{encoder}.safetensors"
