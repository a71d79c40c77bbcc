"""Moments of a layer's inputs in the float network and in the one that rounds, and the weight that fits them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import dequantize, fake_quantize, grid_from_range, quantize
from qexplorer.quantize.emit.part import emit_up_to
from qexplorer.quantize.layerwise.both_inputs import BothMoments, both_moments, made_up_for
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.output_error import better_codes, row_errors
from qexplorer.quantize.layerwise.weights import GridWeight, grid_weights
from tests.quantize.reconstruct.support import draft_of
from tests.quantize.support import run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _problem(seed: int = 0) -> tuple[GridWeight, np.ndarray, np.ndarray]:
    """A weight on 3 bits, what it is fed in the float network, and what rounding made of that."""
    random = np.random.default_rng(seed)
    weight = random.normal(size=(7, 24)).astype(np.float32)
    high = np.abs(weight).max(1)
    grid = grid_from_range(-high, high, get_format("int3"), symmetric=True, axis=0)
    x = random.normal(size=(24, 24)) @ random.normal(size=(24, 400))
    fed = 0.9 * x + random.normal(0.3, 0.5, x.shape)
    return GridWeight(("layer",), LayerMatrix("Gemm", weight.shape), 1, weight, grid), x, fed


def _moments(x: np.ndarray, fed: np.ndarray) -> BothMoments:
    return BothMoments(*((a @ b.T / a.shape[1])[None] for a, b in ((x, x), (x, fed), (fed, fed))))


def test_the_weight_is_the_best_fit() -> None:
    """All of the way is the least squares solution; none, or inputs that nothing rounded, is the weight itself."""
    weight, x, fed = _problem()
    moments = _moments(x, fed)
    best = np.linalg.lstsq(fed.T, (weight.values @ x).T, rcond=None)[0].T
    whole = made_up_for(weight.values, weight.matrix, moments, 1e-9, 1.0)
    np.testing.assert_allclose(whole, best, rtol=1e-4, atol=1e-4)
    half = made_up_for(weight.values, weight.matrix, moments, 1e-9, 0.5)
    np.testing.assert_allclose(half, (weight.values + best) / 2, rtol=1e-4, atol=1e-4)
    assert np.array_equal(made_up_for(weight.values, weight.matrix, moments, 0.01, 0.0), weight.values)
    assert np.array_equal(made_up_for(weight.values, weight.matrix, _moments(x, x), 0.01, 1.0), weight.values)


def test_inputs_that_are_always_zero_move_nothing() -> None:
    """A column that the rounded network feeds nothing but 0 keeps its weights, and so does a layer that is fed 0."""
    weight, x, fed = _problem(1)
    fed[5] = 0
    moved = made_up_for(weight.values, weight.matrix, _moments(x, fed), 0.01, 1.0)
    np.testing.assert_allclose(moved[:, 5], weight.values[:, 5], rtol=1e-6)
    assert np.array_equal(made_up_for(weight.values, weight.matrix, _moments(x, 0 * fed), 0.01, 1.0), weight.values)


def test_errors_are_those_of_the_outputs() -> None:
    """From the moments of both, the mean squares of what the float network makes less what the rounded one does."""
    weight, x, fed = _problem(2)
    other = dequantize(quantize(weight.values, weight.grid), weight.grid)
    wanted = np.mean((other @ fed - weight.values @ x) ** 2, 1)
    np.testing.assert_allclose(row_errors(weight, other, _moments(x, fed))[0], wanted, rtol=1e-6)
    same = _moments(x, x)
    np.testing.assert_allclose(row_errors(weight, other, same), row_errors(weight, other, same.real), rtol=1e-6)


def test_no_row_is_worse_than_nearest() -> None:
    """Of codes that the moved weight has, those rows are taken that come closer to the float network's outputs."""
    weight, x, fed = _problem(3)
    moments = _moments(x, fed)
    moved = quantize(made_up_for(weight.values, weight.matrix, moments, 0.01, 1.0), weight.grid)
    found = better_codes(weight, moved, moments)
    errors = [
        row_errors(weight, dequantize(codes, weight.grid), moments)
        for codes in (quantize(weight.values, weight.grid), moved, found.codes)
    ]
    np.testing.assert_allclose(errors[2], np.minimum(errors[0], errors[1]))
    size = np.mean((weight.values @ x) ** 2, 1).sum()
    assert found.after == pytest.approx(float(np.sqrt(errors[2].sum() / size)))
    assert found.after < found.before


@pytest.mark.parametrize(
    ("graph", "recipe"), [("cnn", "w2"), ("cnn", "w3a8-tensor"), ("mlp", "w3a8"), ("attention", "w3-b8")]
)
def test_both_networks_are_run(graph: str, recipe: str) -> None:
    """Of the last layer: what the float graph and the quantized one make of the same samples, on its input's grid."""
    draft = draft_of(graph, recipe)
    weight = grid_weights(draft)[0][-1]
    tensor = draft.view.nodes[weight.layer].input[0]
    split = draft.calibration_of(512)
    [found] = both_moments(draft, split, tensor, [weight.matrix], lambda _: None)
    planned = draft.plan.tensors.get(tensor)
    proto, quantized = draft.model.proto(), emit_up_to(draft.model, draft.recipe, draft.plan, tensor)
    proto.graph.output.append(onnx.ValueInfoProto(name=tensor))
    feeds = dict(split.inputs)
    fed = run(quantized, feeds, simulated=True)[0]
    assert (planned is None) == ("a8" not in recipe)
    fed = fed if planned is None else fake_quantize(fed, planned.grid)
    x, y = (weight.matrix.inputs(each.astype(np.float64)) for each in (run(proto, feeds)[-1], fed))
    for own, (a, b) in zip((found.real, found.cross, found.rounded), ((x, x), (x, y), (y, y)), strict=True):
        np.testing.assert_allclose(own, a @ b.swapaxes(1, 2) / a.shape[-1], rtol=1e-3, atol=1e-4)
    assert not np.allclose(found.real, found.rounded, rtol=1e-3)
