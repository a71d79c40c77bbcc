"""The largest magnitude of every tensor, over all samples that ranges are observed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.magnitudes import magnitudes_for
from tests.observe.graphs import as_model, graph


def _model(folder: Path, batch: int | str = "n") -> Model:
    """``x`` times -3, then a Relu that leaves nothing of what was positive."""
    nodes = [helper.make_node("Mul", ["x", "c"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    return as_model(graph(nodes, {"x": (batch, 2)}, {"y": (batch, 2)}, {"c": np.float32([-3])}), folder)


def _data(values: np.ndarray, digest: str = "d") -> DataSet:
    x = np.stack([values, np.zeros_like(values)], 1).astype(np.float32)
    return DataSet("made", Split({"": x}), Split({"": 99 * x + 99}), True, (), digest)


@pytest.mark.parametrize("batch", ["n", 4])
@pytest.mark.parametrize("place", [0, 5, 9])
def test_every_calibration_sample_counts_wherever_it_stands(tmp_path: Path, batch: int | str, place: int) -> None:
    """Ten samples in batches of four, the last two as well; no other part is looked at, nor the sign."""
    values = np.linspace(0.1, 0.5, 10)
    values[place] = 7.0
    found = magnitudes_for(_model(tmp_path, batch), _data(values), samples=512)
    assert found == {"x": 7.0, "h": 21.0, "y": 0.0}


def test_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    """A NaN or an infinity says nothing of what a number must hold."""
    found = magnitudes_for(_model(tmp_path), _data(np.array([1.0, np.nan, np.inf, -2.0, -np.inf])), samples=512)
    assert found == {"x": 2.0, "h": 6.0, "y": 6.0}


def test_of_many_samples_the_ones_that_ranges_are_observed_on_are_looked_at(tmp_path: Path) -> None:
    """A seeded draw over the whole, not the beginning."""
    data = _data(np.arange(1.0, 41.0))
    drawn = calibration_sample(data, 8).split.inputs[""]
    assert drawn.max() > 8
    assert magnitudes_for(_model(tmp_path), data, samples=8)["x"] == drawn.max()


def test_they_are_kept_by_model_data_and_number(tmp_path: Path) -> None:
    """Each is found once, and none is taken for another's; without samples there is nothing."""
    values, model = np.arange(1.0, 11.0), _model(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    for _ in range(2):
        assert magnitudes_for(model, _data(values), samples=512)["x"] == 10
        assert magnitudes_for(model, _data(values), samples=99)["x"] == 10
        assert magnitudes_for(model, _data(2 * values, "e"), samples=512)["x"] == 20
        assert magnitudes_for(model, _data(values), samples=3)["x"] <= 10
        assert "x" in magnitudes_for(_model(other, 2), _data(values), samples=512)
        assert len(list(workspace("statistics").iterdir())) == 4
    assert magnitudes_for(model, _data(values[:0]), samples=512) == {}
