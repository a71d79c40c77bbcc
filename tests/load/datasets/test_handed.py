"""Calibration samples handed to another process: by file and place where a file holds them, written where none does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.load.datasets.handed import hand_over, taken


@pytest.mark.parametrize("view", ["all", "middle", "shaped", "none", "every_second", "in_memory"])
def test_samples_come_back_and_are_written_only_where_no_file_holds_them(view: str, tmp_path: Path) -> None:
    """Pieces of a mapped file go by their place in it; other arrays and labels are written; facts come along."""
    np.save(tmp_path / "kept.npy", np.arange(48, dtype=np.float32).reshape(8, 6))
    mapped = np.load(tmp_path / "kept.npy", mmap_mode="r")
    views = {
        "all": mapped,
        "middle": mapped[3:5],
        "shaped": mapped[2:].reshape(6, 2, 3),
        "none": np.asarray(mapped)[:0],
    }
    x = {**views, "every_second": mapped[::2], "in_memory": np.array(mapped)}[view]
    split = Split({"x": x}, np.arange(len(x)), None, np.arange(len(x)) * 2.0)
    data = DataSet("given", split, split.head(1), True, ("a", "b"), "digest", ("note",), own_names={"labels": "y"})
    (tmp_path / "handed").mkdir()
    handed = json.loads(json.dumps(hand_over(data, tmp_path / "handed")))
    found = taken(handed)
    np.testing.assert_array_equal(found.calibration.inputs["x"], x)
    assert found.calibration.labels is not None
    assert found.calibration.read_labels is not None
    assert found.calibration.labels.tolist() == list(range(len(x)))
    assert (found.calibration.read_labels / 2).tolist() == list(range(len(x)))
    assert found.calibration.groups is None
    assert not found.evaluation.inputs
    facts = (found.name, found.held_out, found.classes, found.digest, found.notes, dict(found.own_names))
    assert facts == ("given", True, ("a", "b"), "digest", ("note",), {"labels": "y"})
    written = len(list((tmp_path / "handed").iterdir()))
    assert written == (2 if view in views else 3)
