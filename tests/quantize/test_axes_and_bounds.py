"""Which axis of a weight has a scale for each output, and what bounds of Relu and Clip do to codes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.dataset import Split
from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.activations import bounded
from qexplorer.quantize.decide import bounds_of
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import TensorPlan
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run

OPERATORS = {
    "Conv": ((6, 4, 3, 3), 0, {"pads": [1, 1, 1, 1]}),
    "ConvTranspose": ((4, 6, 2, 2), 1, {"strides": [2, 2]}),
    "Gemm": ((4, 6), 1, {}),
    "Gemm, transposed": ((6, 4), 0, {"transB": 1}),
    "MatMul": ((4, 6), 1, {}),
}
"""Operator -> shape of its weight for 4 inputs and 6 outputs, axis of the outputs, attributes. (ONNX, opset 21)"""


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are kept in one workspace."""


def weight_of(operator: str) -> tuple[TensorPlan, np.ndarray]:
    """The plan of the operator's weight under w8a8, and its values: outputs are powers of two apart."""
    shape, axis, attributes = OPERATORS[operator]
    b = Builder()
    x = b.input("x", ("n", 4, 5, 5) if len(shape) == 4 else ("n", 4))
    spread = [1] * len(shape)
    spread[axis] = 6
    values = (b.random.uniform(-1, 1, shape) * 2.0 ** np.arange(6).reshape(spread)).astype(np.float32)
    b.output(b.node(operator.split(",")[0], x, b.constant(values, "w"), name="layer", **attributes), len(shape))
    model = model_of(b.model(), operator)
    split = Split({"x": b.random.normal(size=(16, *model.inputs[0].shape[1:])).astype(np.float32)})
    plan = make_plan(model, Recipe.parse("w8a8"), collect(model, split, threads=1))
    (weight,) = (tensor for tensor in plan.tensors.values() if tensor.kind == "weight")
    return weight, values


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_output_channel_has_the_scale_of_its_own_values(operator: str) -> None:
    """Scales run along the axis of the outputs, wherever the operator has it, and reach each channel's largest."""
    weight, values = weight_of(operator)
    axis = OPERATORS[operator][1]
    assert weight.grid.axis == axis
    largest = np.abs(np.moveaxis(values, axis, 0).reshape(6, -1)).max(1)
    np.testing.assert_allclose(weight.grid.scale, largest / 127, rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.0, 6.0), (-0.5, np.inf), (-np.inf, 1.25), (5.0, 2.0)])
def test_bounds_are_codes_of_the_grid(low: float, high: float) -> None:
    """A grid that is bounded loses the codes of values beyond either end, and no others; the upper end goes first."""
    grid = grid_from_range(-4.0, 8.0, get_format("uint8"), symmetric=False)
    found = bounded(grid, low, high)
    ends = np.rint(np.array([min(low, high), high], np.float32) / grid.scale) + int(grid.zero_point)
    assert [found.qmin, found.qmax] == np.clip(ends, 0, 255).tolist()


@pytest.mark.parametrize(
    ("op", "attributes", "inputs", "bounds"),
    [
        ("Relu", {}, "x", (0, np.inf)),
        ("Clip", {"min": -1.0, "max": 2.0}, "x", (-1, 2)),
        ("Clip", {"max": 2.0}, "x", (-np.inf, 2)),
        ("Clip", {"min": -1.0}, "x", (-1, np.inf)),
        ("Clip", {}, "x", (-np.inf, np.inf)),
        ("Clip", {}, "x low high", (-0.5, 3)),
        ("Clip", {}, "x - high", (-np.inf, 3)),
        ("Clip", {}, "x low", (-0.5, np.inf)),
        ("Clip", {}, "x low made", None),
        ("Clip", {}, "x made high", None),
    ],
)
def test_bounds_are_attributes_or_constants(
    op: str, attributes: dict[str, float], inputs: str, bounds: tuple[float, float] | None
) -> None:
    """Attributes up to opset 6, inputs from 11 on; bounds that are computed are not known."""
    node = helper.make_node(op, ["" if name == "-" else name for name in inputs.split()], ["y"], name="n", **attributes)
    stored = {name: np.float32(value) for name, value in (("low", -0.5), ("high", 3.0))}
    view: Any = SimpleNamespace(nodes={"n": node}, is_constant=stored.__contains__, array=stored.__getitem__)
    layer: Any = SimpleNamespace(op=op, name="n")
    assert bounds_of(layer, view) == bounds


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-sym"])
def test_a_clip_that_shares_its_inputs_grid_keeps_both_bounds(recipe: str) -> None:
    """Behind a pool, whose grid it shares, a Clip to -1 and 2 leaves no code beyond them in plan and file."""
    b = Builder()
    pooled = b.node("MaxPool", b.conv(b.input("x", ("n", 3, 8, 8)), 3, 4), kernel_shape=[2, 2], name="pool")
    clipped = b.node("Clip", pooled, b.constant(np.float32(-1)), b.constant(np.float32(2)), name="clip")
    b.output(b.conv(clipped, 4, 2, kernel=1), 4)
    b.output(clipped, 4)
    b.output(b.conv(pooled, 4, 2, kernel=1), 4)
    model = model_of(b.model(), "clipped")
    feeds = {"x": 3 * b.random.normal(size=(16, 3, 8, 8)).astype(np.float32)}
    plan = make_plan(model, Recipe.parse(recipe), collect(model, Split(feeds), threads=1))
    grid = plan.tensors[clipped].grid
    ends = (np.array([grid.qmin, grid.qmax]) - int(grid.zero_point)) * float(grid.scale)
    assert plan.tensors[pooled].grid.scale == grid.scale
    np.testing.assert_allclose(ends, [-1, 2], atol=0.51 * float(grid.scale))
    proto = emit(model, Recipe.parse(recipe), plan)
    found = run(proto, feeds, simulated=True)[1]
    assert found.max() == pytest.approx(ends[1], rel=1e-5)
    assert found.min() == pytest.approx(ends[0], rel=1e-5)
    assert {item.name for item in proto.graph.initializer if numpy_helper.to_array(item).ndim == 4}
