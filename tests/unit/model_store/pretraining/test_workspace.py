"""A workspace keeps arrays for the next run."""

from pathlib import Path

import numpy as np
import pytest

from model_store.pretraining.workspace import Workspace


def test_an_array_is_computed_once(tmp_path: Path) -> None:
    first = Workspace(tmp_path / "work", {"seed": 1}).array("a", lambda: np.arange(3))
    again = Workspace(tmp_path / "work", {"seed": 1}).array("a", lambda: np.zeros(0))
    assert first.tolist() == again.tolist() == [0, 1, 2]


def test_another_key_empties_the_folder(tmp_path: Path) -> None:
    Workspace(tmp_path / "work", {"seed": 1}).array("a", lambda: np.arange(3))
    other = Workspace(tmp_path / "work", {"seed": 2}).array("a", lambda: np.zeros(1))
    assert other.tolist() == [0.0]


def test_a_computation_that_fails_leaves_no_array(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work", {})
    with pytest.raises(ZeroDivisionError):
        workspace.array("a", lambda: np.array([1 // 0]))
    assert workspace.array("a", lambda: np.ones(1)).tolist() == [1.0]
