"""GPTQ: closed forms, the order of columns, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, dequantize, grid_from_range, quantize
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.algorithms.gptq import GptqOptions, rounded
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.layerwise.both_inputs import both_moments, made_up_for
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import grid_weights
from tests.made_up_algorithm import MadeUp
from tests.quantize.given_data import data_of, given, quantized
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of

ORDERS = pytest.mark.parametrize("act_order", [True, False])


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _problem(seed: int = 0, columns: int = 24) -> tuple[np.ndarray, Grid, LayerMatrix, np.ndarray]:
    """A weight, a grid of 3 bits for each row, and moments of inputs that go together."""
    random = np.random.default_rng(seed)
    weight = random.normal(size=(7, columns)).astype(np.float32)
    high = np.abs(weight).max(1)
    grid = grid_from_range(-high, high, get_format("int3"), symmetric=True, axis=0)
    mixed = random.normal(size=(columns, columns)) * random.gamma(1.0, 1.0, columns)
    inputs = mixed @ random.normal(size=(columns, 400))
    return weight, grid, LayerMatrix("Gemm", weight.shape), (inputs @ inputs.T / 400)[None]


def _loss(weight: np.ndarray, other: np.ndarray, moments: np.ndarray) -> float:
    error = np.asarray(other, np.float64) - weight
    return float(np.sum(error @ moments[0] * error))


@ORDERS
@pytest.mark.parametrize("format", ["int3", "int8", "nf4", "fp8_e4m3"])
def test_unrelated_inputs_leave_rounding_to_nearest(format: str, act_order: bool) -> None:
    """With a diagonal Hessian there is nothing to make up for, whatever the sizes of the inputs and the format."""
    weight, _, matrix, _ = _problem()
    high = np.abs(weight).max(1)
    grid = grid_from_range(-high, high, get_format(format), symmetric=True, axis=0)
    moments = np.diag(np.random.default_rng(1).gamma(1.0, 1.0, weight.shape[1]))[None]
    codes = rounded(weight, grid, matrix, moments, GptqOptions(act_order=act_order))
    assert np.array_equal(codes, quantize(weight, grid))


@ORDERS
def test_it_is_the_published_recursion(act_order: bool) -> None:
    """Column by column with the inverse of what is left, as equations 2 and 3 have it, in one place of the order."""
    weight, grid, matrix, moments = _problem()
    options = GptqOptions(act_order=act_order, damping=0.01)
    h = moments[0] + np.eye(24) * 0.01 * np.diag(moments[0]).mean()
    left = list(np.argsort(-np.diag(moments[0]), kind="stable")) if act_order else list(range(24))
    at, codes = weight.astype(np.float64), np.zeros(weight.shape, np.int32)
    while left:
        inverse = np.linalg.inv(h[np.ix_(left, left)])
        column = Grid(grid.format, grid.scale, grid.zero_point, 0, None, grid.qmin, grid.qmax)
        code = quantize(at[:, left[0]].astype(np.float32)[:, None], column)[:, 0]
        error = (at[:, left[0]] - dequantize(code[:, None], column)[:, 0]) / inverse[0, 0]
        at[:, left] -= np.outer(error, inverse[0])
        codes[:, left[0]] = code
        left.pop(0)
    assert np.array_equal(rounded(weight, grid, matrix, moments, options), codes)


@pytest.mark.parametrize("columns", [24, 128, 150, 300])
def test_the_error_at_the_output_is_less_than_nearest(columns: int) -> None:
    """Also where the matrix is wider than the block in which columns are brought up to date; far less, in fact."""
    weight, grid, matrix, moments = _problem(3, columns)
    codes = rounded(weight, grid, matrix, moments, GptqOptions())
    nearest = dequantize(quantize(weight, grid), grid)
    assert _loss(weight, dequantize(codes, grid), moments) < 0.7 * _loss(weight, nearest, moments)


def test_blocks_of_columns_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bringing the rest up to date late or at once is the same."""
    weight, grid, matrix, moments = _problem(4)
    found = [rounded(weight, grid, matrix, moments, GptqOptions())]
    monkeypatch.setattr("qexplorer.quantize.algorithms.gptq._BLOCK", 5)
    found.append(rounded(weight, grid, matrix, moments, GptqOptions()))
    assert np.array_equal(*found)


def test_groups_and_turned_weights() -> None:
    """Each group has moments of its own; a weight that is ``(in, out)`` gives the codes of its transpose."""
    weight, grid, matrix, moments = _problem(5)
    alone = rounded(weight, grid, matrix, moments, GptqOptions())
    turned = LayerMatrix("MatMul", weight.T.shape, turned=True)
    again = rounded(np.ascontiguousarray(weight.T), grid.transposed(), turned, moments, GptqOptions())
    assert np.array_equal(again.T, alone)
    both, scale = np.concatenate([weight, weight]).reshape(14, 24, 1, 1), np.concatenate([grid.scale, grid.scale])
    wide = Grid(grid.format, scale, np.zeros(14, np.int32), 0, None, grid.qmin, grid.qmax)
    other = moments + np.eye(24) * moments.max()
    grouped = LayerMatrix("Conv", both.shape, 2, strides=(1, 1), dilations=(1, 1), pads=(0, 0, 0, 0))
    codes = rounded(both, wide, grouped, np.concatenate([moments, other]), GptqOptions())[..., 0, 0]
    assert np.array_equal(codes[:7], alone)
    assert np.array_equal(codes[7:], rounded(weight, grid, matrix, other, GptqOptions()))


def test_inputs_that_are_always_zero() -> None:
    """Their weights are rounded to nearest and disturb no other."""
    weight, grid, matrix, moments = _problem(6)
    dead = moments.copy()
    dead[0, 5], dead[0, :, 5] = 0, 0
    codes = rounded(weight, grid, matrix, dead, GptqOptions())
    assert np.array_equal(codes[:, 5], quantize(weight, grid)[:, 5])
    changed = weight.copy()
    changed[:, 5] *= 0.5
    assert np.array_equal(np.delete(rounded(changed, grid, matrix, dead, GptqOptions()), 5, 1), np.delete(codes, 5, 1))
    none = rounded(weight, grid, matrix, np.zeros_like(moments), GptqOptions())
    assert np.array_equal(none, quantize(weight, grid))


@pytest.mark.parametrize("recipe", ["w3-gptq", "w3a8-tensor-gptq", "w3-b8-gptq", "nf4-gptq"])
def test_the_plan_says_what_it_did_to_the_outputs(recipe: str) -> None:
    """Error of each layer's outputs with nearest rounding and with GPTQ; the codes stand in the plan."""
    one = case("cnn")
    found = quantized(one.model, recipe, data_of(one))
    plans = [layer for layer in found.plan.layers if layer.op in ("Conv", "Gemm")]
    changed = [layer for layer in plans if "GPTQ: the error of its outputs is " in layer.reason]
    assert changed
    for layer in plans:
        codes = found.plan.tensors[found.plan.constants[layer.name][1]].codes
        assert (codes is not None) == (layer in changed)
        assert layer in changed or "rounding to nearest has the smaller error" in layer.reason
    for layer in changed:
        after, before = layer.reason.split("outputs is ")[1].split(" of their size, with nearest rounding ")
        assert float(after) <= float(before)


def test_the_plan_says_how_tables_keep_their_bits() -> None:
    """A table of four bits, which nothing is multiplied with, is left with the option's name; one of 8 bits is not."""
    b = Builder()
    b.inputs.append(helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 6]))
    h = b.node("Gather", b.normal(40, 16), "ids", name="look")
    b.output(b.node("MatMul", h, b.normal(16, 5), name="last"), 3)
    model, data = model_of(b.model(), "language"), given({"ids": np.arange(96).reshape(16, 6) % 40})
    for recipe, left in (("w4-gptq", True), ("w4-embed8-gptq", False)):
        reasons = {layer.name: layer.reason for layer in quantized(model, recipe, data).plan.layers}
        assert ("'embed8'" in reasons["look"]) == left
        assert "GPTQ: the error of its outputs is " in reasons["last"]


def test_layers_see_what_was_rounded_before_them() -> None:
    """The last layer's codes are those of its moved weight, on inputs that the network with the others' codes gives."""
    one, recipe = case("mlp"), Recipe.parse("w3-gptq")
    found = quantized(one.model, "w3-gptq", data_of(one))
    algorithm = MadeUp("entry", needs=Needs.DATA)
    draft = PlanDraft(one.model, recipe, found.plan, Materials(data=data_of(one)), algorithm)  # type: ignore[arg-type]
    weight, options = grid_weights(draft)[0][-1], GptqOptions()
    tensor = draft.view.nodes[weight.layer].input[0]
    [both] = both_moments(draft, draft.calibration_of(options.samples), tensor, [weight.matrix], lambda _: None)
    target = made_up_for(weight.values, weight.matrix, both, options.damping, options.correction)
    chosen = rounded(target, weight.grid, weight.matrix, both.rounded, options)
    codes = found.plan.tensors[found.plan.constants[weight.layer][weight.position]].codes
    assert codes is not None
    assert np.array_equal(codes, better_codes(weight, chosen, both).codes)
    plain = rounded(weight.values, weight.grid, weight.matrix, both.real, options)
    assert not np.array_equal(codes, better_codes(weight, plain, both.real).codes)
