"""What is kept of layers' inputs: ranges of all samples and of each half of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from qexplorer.quantize.outliers.sampled_inputs import LayerInputs, layer_inputs
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of


def _seen(x: np.ndarray) -> LayerInputs:
    b = Builder()
    b.output(b.node("MatMul", b.input("x", ("n", 5)), b.normal(5, 3), name="layer"), 2)
    model = model_of(b.model(), "made")
    view = GraphIndex(model.proto())
    matrix = matrix_of(view.nodes["layer"], view)
    assert isinstance(matrix, LayerMatrix)
    return layer_inputs(model.proto(), model, Split({"x": x}), {"layer": ("x", matrix)}, lambda _: None)["layer"]


@pytest.mark.parametrize("samples", [2, 7, 200])
def test_halves_are_every_other_sample_whatever_the_batches(shared_workspace: Path, samples: int) -> None:
    """Both halves have the ranges of their own samples, and together those of all."""
    assert shared_workspace
    x = np.random.default_rng(0).normal(size=(samples, 5)).astype(np.float32)
    found = _seen(x)
    for at in (0, 1):
        np.testing.assert_array_equal(found.half(at).low, x[at::2].min(0))
        np.testing.assert_array_equal(found.half(at).high, x[at::2].max(0))
    np.testing.assert_array_equal(found.low, x.min(0))
    np.testing.assert_array_equal(found.largest, np.abs(x).max(0))


def test_one_sample_is_both_halves(shared_workspace: Path) -> None:
    """Where a half has no sample, its ranges are those of all."""
    assert shared_workspace
    x = np.array([[1, -2, 3, 0, 5]], np.float32)
    found = _seen(x)
    assert found.finite
    for at in (0, 1):
        np.testing.assert_array_equal(found.half(at).high, x[0])
