"""A head for the shipped labels may not lose what the shipped head understands."""

from pathlib import Path

import pytest
import torch

from model_store import artifact, block_files
from model_store.errors import ArtifactError
from model_store.learning import anchor
from model_store.learning.anchor import Anchor
from model_store.manifests import PRETRAINED, encoder_version, read
from model_store.model.head import Head

LABELS = ("Negative", "Positive")


def made() -> Anchor:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(300, 6, generator=generator)
    classes = (features[:, 0] > 0).long()
    widths = {"encoder": 2, "embedding": 4}
    return Anchor(LABELS, widths, features[:100], classes[:100], {"films": (features, classes)})


def test_an_anchor_is_read_for_its_own_encoder_and_embedding_alone(tmp_path: Path) -> None:
    anchor.save(tmp_path, made(), "one", "embedding 1")
    found = anchor.load(tmp_path, "one", "embedding 1")
    assert found is not None
    assert (found.labels, found.widths) == (LABELS, made().widths)
    torch.testing.assert_close(found.kept, made().kept, atol=2e-3, rtol=1e-3)
    assert torch.equal(found.judged["films"][1], made().judged["films"][1])
    assert anchor.load(tmp_path, "two", "embedding 1") is None
    assert anchor.load(tmp_path, "one", "embedding 2") is None
    (tmp_path / "one.safetensors").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="safetensors"):
        anchor.load(tmp_path, "one", "embedding 1")


def test_a_head_that_forgets_what_the_shipped_one_knows_is_refused() -> None:
    shipped = Head(LABELS, torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.zeros(2))
    same = Head(LABELS, torch.eye(2, 6).flip(0) * 0, torch.zeros(2))
    weight = torch.zeros(2, 6)
    weight[:, :2] = shipped.weight
    kept = Head(LABELS, weight, torch.zeros(2))
    assert made().check(kept, shipped).passed
    assert not made().check(same, shipped).passed


def test_the_anchor_that_ships_is_for_the_model_and_the_embedding_that_ship() -> None:
    embedding = block_files.load_embedding(block_files.SHIPPED)
    found = anchor.load(anchor.SHIPPED, encoder_version(read(PRETRAINED)), embedding.version)
    assert found is not None
    earlier = {path.stem for path in anchor.SHIPPED.glob("*.safetensors")}
    assert earlier >= {encoder_version(read(PRETRAINED)), "31ef0ee40f4e40c6"}
    head = artifact.load(PRETRAINED).head
    assert found.labels == head.labels
    assert sum(found.widths.values()) == found.kept.shape[1]
    assert set(found.judged) == {"films", "product reviews", "product sentences"}
    features, classes = found.judged["films"]
    right = head.logits(features[:, : found.widths["encoder"]]).argmax(dim=1) == classes
    assert right.float().mean() > 0.8
