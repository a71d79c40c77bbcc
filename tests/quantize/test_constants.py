"""Grids of weights, biases and constant operands: shared where they are the same, and no coarser than they must be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnx import helper

from qexplorer.core.dataset import Split
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity, grid_from_range
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.graph.index import index_of
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.constants import fitting, operand_grid, takes_int32_bias, weight_axes
from qexplorer.quantize.decide import decide
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan, TensorPlan
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of, run

pytestmark = pytest.mark.usefixtures("shared_workspace")


def _planned(b: Builder, recipe: str, **shape: tuple[int, ...]) -> Plan:
    """The plan of what ``b`` built, on 64 normal samples of each input."""
    model = model_of(b.model(), "made")
    feeds = {name: b.random.normal(size=(64, *each)).astype(np.float32) for name, each in shape.items()}
    asked = Recipe.parse(recipe)
    return make_plan(model, asked, collect(model, Split(feeds), threads=1) if asked.needs_statistics else None)


@pytest.mark.parametrize(("recipe", "tiny"), [("w8a8", [1]), ("w8a8-tensor", [0, 1, 2, 3])])
def test_a_scale_is_widened_until_the_bias_fits_and_no_further(recipe: str, tiny: list[int]) -> None:
    """The largest bias gets a code within 1 % of what int32 holds; channels with room keep the scale of their own."""
    b = Builder()
    weight = b.random.normal(size=(4, 8)).astype(np.float32)
    weight[tiny] *= 1e-12
    bias = np.array([1, -50, -1, 0], np.float32)
    b.output(b.node("Gemm", b.input("x", ("n", 8)), b.constant(weight), b.constant(bias), transB=1, name="dense"), 2)
    plan = _planned(b, recipe, x=(8,))
    scale = plan.tensors[plan.constants["dense"][1]].grid.scale
    code = 50 / float(plan.tensors["x"].grid.scale) / float(scale.reshape(-1)[1 if scale.ndim else 0])
    assert 0.99 * 2**31 < code < 2**31
    if scale.ndim:
        np.testing.assert_allclose(scale[[0, 2, 3]], np.abs(weight[[0, 2, 3]]).max(1) / 127, rtol=1e-6)
    assert "widened" in plan.layer("dense").reason


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-dynamic", "w8a8-tensor", "w8a8-dynamic-tensor"])
def test_a_square_weight_that_one_layer_turns_over_has_its_outputs_on_both_axes(recipe: str) -> None:
    """Two Gemm and a MatMul share it: scales of channels run along the axis that each layer makes of it."""
    b = Builder(3)
    weight = b.constant((b.random.normal(size=(6, 6)) * 2.0 ** np.arange(6)).astype(np.float32))
    x = b.input("x", ("n", 6))
    b.output(b.node("Gemm", x, weight, transB=1, name="turned"), 2)
    b.output(b.node("Gemm", x, weight, name="plain"), 2)
    b.output(b.node("MatMul", x, weight, name="product"), 2)
    model, asked = model_of(b.model(), "square"), Recipe.parse(recipe)
    feeds = {"x": b.random.normal(size=(64, 6)).astype(np.float32)}
    plan = make_plan(model, asked, collect(model, Split(feeds), threads=1) if asked.needs_statistics else None)
    keys = {name: plan.constants[name][1] for name in ("turned", "plain", "product")}
    assert keys["plain"] == keys["product"]
    if "tensor" in recipe:
        assert keys["turned"] == keys["plain"]
    else:
        assert {name: plan.tensors[key].grid.axis for name, key in keys.items()} == {
            "turned": 0,
            "plain": 1,
            "product": 1,
        }
    for got, wanted in zip(run(emit(model, asked, plan), feeds), run(model.proto(), feeds), strict=True):
        assert np.abs(got - wanted).max() < 0.03 * np.abs(wanted).max()


def test_a_weight_that_is_computed_on_and_decoded_is_stored_once() -> None:
    """One layer reads it by codes, so that it is carried by 8 bits under scales above zero, for the other one too."""
    b = Builder(4)
    weight = b.normal(6, 6)
    x = b.input("x", ("n", 6))
    b.output(b.node("Gemm", x, weight, name="decoded"), 2)
    b.output(b.node("Gemm", x, weight, name="read"), 2)
    plan = _planned(b, "weights: {format: int4}\nlayers: [{match: read, activations: {mode: dynamic}}]", x=(6,))
    assert [plan.layer(name).treatment for name in ("decoded", "read")] == ["weight-only", "dynamic"]
    assert plan.constants["decoded"][1] == plan.constants["read"][1]
    stored = plan.tensors[plan.constants["read"][1]]
    assert (stored.carrier, stored.grid.qmin) == ("int8", -7)


def test_a_shared_bias_has_a_grid_for_each_of_its_layers() -> None:
    """Each is on the product of what its own layer reads and its weight."""
    one = case("shared")
    plan = make_plan(one.model, Recipe.parse("w8a8"), one.statistics)
    scales = []
    for name in ("once", "twice"):
        keys, read = plan.constants[name], one.model.layer(name).inputs[0]
        scales.append(plan.tensors[keys[2]].grid.scale)
        np.testing.assert_array_equal(scales[-1], plan.tensors[read].grid.scale * plan.tensors[keys[1]].grid.scale)
    assert (scales[0] != scales[1]).all()


@pytest.mark.parametrize(("format", "zero"), [("uint8", 64), ("int8", -64)])
def test_a_constant_operand_is_on_the_grid_of_each_readers_wishes(format: str, zero: int) -> None:
    """Of one addend that two sums share, one has a zero point and the other none, because a rule says so."""
    b = Builder(5)
    shift = b.constant(np.linspace(-1, 3, 36, dtype=np.float32).reshape(1, 1, 6, 6))
    h = b.node("Relu", b.conv(b.input("x", ("n", 4, 6, 6)), 4, 4), name="first")
    left, right = b.node("Add", h, shift, name="left"), b.node("Add", h, shift, name="right")
    b.output(b.conv(left, 4, 4), 4)
    b.output(b.conv(right, 4, 4), 4)
    own = "{format: int8, symmetric: true}"
    rule = f"weights: {{}}\nactivations: {{format: {format}}}\nlayers: [{{match: right, activations: {own}}}]"
    plan = _planned(b, rule, x=(4, 6, 6))
    found = [plan.tensors[plan.constants[name][1]].grid for name in ("left", "right")]
    assert [grid.format.name for grid in found] == [format, "int8"]
    assert [float(grid.scale) for grid in found] == pytest.approx([4 / 255, 3 / 127])
    assert [int(grid.zero_point) for grid in found] == [zero, 0]


@pytest.mark.parametrize(
    ("values", "symmetric", "scale"), [([-1, 3], False, 4 / 255), ([-4, 3], True, 4 / 127), ([], True, 1)]
)
def test_an_operands_range_is_that_of_its_values(values: list[float], symmetric: bool, scale: float) -> None:
    """From the smallest to the largest; of no value at all it is a scale of 1."""
    spec = ActivationSpec(format="int8", symmetric=symmetric)
    assert float(operand_grid(np.array(values, np.float32), spec).scale) == pytest.approx(scale)


@pytest.mark.parametrize(
    ("op", "shape", "attributes", "axes"),
    [
        ("Conv", (6, 4, 3, 3), {}, (0, 1)),
        ("ConvTranspose", (4, 6, 2, 2), {}, (1, 0)),
        ("Gemm", (4, 6), {}, (1, 0)),
        ("Gemm", (6, 4), {"transB": 1}, (0, 1)),
        ("MatMul", (4, 6), {}, (1, 0)),
        ("MatMul", (2, 4, 6), {}, (2, 1)),
        ("MatMul", (5, 2, 4, 6), {}, (3, 2)),
        ("MatMul", (4,), {}, (0, 0)),
        ("Gather", (10, 6), {}, (0, 1)),
    ],
)
def test_axes_of_outputs_and_of_what_is_summed(
    op: str, shape: tuple[int, ...], attributes: dict[str, Any], axes: tuple[int, int]
) -> None:
    """As ONNX lays the weights out (opset 21): rows of a table are what is taken, columns its values."""
    b = Builder()
    position = 0 if op == "Gather" else 1
    names = ["w", "ids"] if op == "Gather" else ["x", "w"]
    b.constants.clear()
    b.constant(np.ones(shape, np.float32), "w")
    node = helper.make_node(op, names, ["y"], **attributes)
    view: Any = type("View", (), {"initializers": {item.name: item for item in b.constants}})
    assert weight_axes(node, position, view) == axes


@pytest.mark.parametrize(
    ("op", "asked", "granularity", "words"),
    [
        ((8, 6), 8, "channel", "only 8 values run along its input axis"),
        ((9, 6), 8, "block", ""),
        ((1, 9, 6), 8, "block", ""),
        ((1, 9, 6), None, "tensor", "its weight has rank 3"),
        ((9,), None, "tensor", "its weight is a vector"),
        ((9,), 8, "tensor", "its weight is a vector"),
    ],
    ids=lambda each: str(each).replace(" ", ""),
)
def test_a_weight_gets_the_granularity_that_its_shape_allows(
    op: tuple[int, ...], asked: int | None, granularity: str, words: str
) -> None:
    """Blocks as long as the axis are channels; stacked matrices have one scale for all, blocks or not; a vector one."""
    b = Builder()
    x = b.input("x", ("n", op[-2] if len(op) > 1 else op[0]))
    b.output(b.node("MatMul", x, b.normal(*op), name="layer"), max(len(op), 1))
    model = model_of(b.model(), "shaped")
    view, recipe = index_of(model), Recipe.parse("w8a8-dynamic")
    spec = WeightSpec() if asked is None else WeightSpec(granularity=Granularity.BLOCK, block=asked)
    found, _, along, remark = fitting(decide(model, recipe, view)["layer"], spec, view)
    assert found.granularity == granularity
    assert (along is not None) == (granularity == "block")
    assert words in (remark or "")
    assert bool(words) == bool(remark)


def _tensor(name: str, carrier: str, block: int | None = None) -> TensorPlan:
    scale: Any = np.ones((4, 1)) if block else 1.0
    grid = grid_from_range(-scale, scale, get_format(name), symmetric=True, axis=1 if block else None, block=block)
    return TensorPlan("w", "weight", grid, "", carrier)


INT8, UINT8 = _tensor("int8", "int8"), _tensor("uint8", "uint8")


@pytest.mark.parametrize(
    ("op", "attributes", "weight", "activation", "whole"),
    [
        ("Conv", {"group": 2}, INT8, UINT8, True),
        ("Gemm", {}, INT8, UINT8, True),
        ("Gemm", {"alpha": 1.0, "beta": 1.0}, INT8, UINT8, True),
        ("Gemm", {"alpha": 0.5}, INT8, UINT8, False),
        ("Gemm", {"beta": 0.5}, INT8, UINT8, False),
        ("ConvTranspose", {}, INT8, UINT8, True),
        ("ConvTranspose", {"group": 2}, INT8, UINT8, False),
        ("Conv", {}, _tensor("int4", "int8"), UINT8, True),
        ("Conv", {}, _tensor("int4", "int4"), UINT8, False),
        ("Conv", {}, _tensor("int16", "int16"), UINT8, False),
        ("Conv", {}, INT8, _tensor("uint16", "uint16"), False),
        ("Conv", {}, _tensor("int8", "int8", block=8), UINT8, False),
        ("Conv", {}, _tensor("fp8_e4m3", "int8"), UINT8, False),
        ("Conv", {}, INT8, None, False),
    ],
)
def test_a_bias_is_a_whole_number_where_sums_are(
    op: str, attributes: dict[str, Any], weight: TensorPlan, activation: TensorPlan | None, whole: bool
) -> None:
    """Where both factors are codes of 8 bits under scales that sums keep, and nothing is multiplied afterwards."""
    node = helper.make_node(op, ["x", "w", "b"], ["y"], **attributes)
    assert takes_int32_bias(node, weight, activation) is whole


def _turning(axis: int, *, low: float = -1.0, name: str = "int8", carrier: str = "int8", **more: Any) -> TensorPlan:
    """A plan of a weight with six scales along ``axis``."""
    ends = np.full(6, low), np.full(6, 3.0)
    grid = grid_from_range(*ends, get_format(name), symmetric=False, axis=axis)
    return TensorPlan("w", "weight", grid, "", carrier, **more)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"low": -1.02}, False),
        ({"low": -2.0}, False),
        ({"name": "int6"}, False),
        ({"name": "int4", "carrier": "int4"}, False),
        ({"carrier": "int16"}, False),
        ({"codes": np.zeros((6, 4), np.int32)}, False),
    ],
    ids=str,
)
def test_a_weight_is_its_tables_transpose_where_codes_and_type_are_the_same(other: dict[str, Any], same: bool) -> None:
    """Scales and zero points of columns are those of the table's rows; what an algorithm chose is its own."""
    table = _turning(0)
    assert _turning(1, **other).turns(table) is same
    if "codes" in other:
        assert not table.turns(_turning(1, **other))


def test_zero_points_alone_tell_two_weights_apart() -> None:
    """Under equal scales codes of a moved range are others."""
    one, table = _turning(1), _turning(0)
    moved = replace(one, grid=replace(one.grid, zero_point=one.grid.zero_point + 1))
    assert one.turns(table)
    assert not moved.turns(table)
