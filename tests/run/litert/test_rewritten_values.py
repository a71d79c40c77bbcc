"""A rewritten graph computes what the graph says, with LiteRT's own nodes where it has such grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from qexplorer.core.dataset import Array
from tests.run.litert.rewritten_cases import Case

RANDOM = np.random.default_rng(5)
INT8 = RANDOM.integers(-100, 101, (6, 4)).astype(np.int8)
PIXELS = RANDOM.integers(-100, 101, (4, 2, 3, 3)).astype(np.int8)
STEPS = np.array([0.01, 0.02, 0.03, 0.04], np.float32)
SIDES = np.array([1, -1, 1, -1], np.float32)
FACTORS = np.array([0.5, 0.25, 2, 3], np.float32)
LAID_OUT = ["Weight", "FullyConnected"]


@pytest.mark.parametrize(
    ("codes", "scale", "zero", "attributes", "ops"),
    [
        (INT8, 0.01, None, {}, LAID_OUT),
        (INT8, STEPS, None, {"axis": 1}, LAID_OUT),
        (INT8, STEPS, np.zeros(4), {"axis": -1}, LAID_OUT),
        (INT8, [0.01, 0.02, 0.03, 0.01, 0.02, 0.03], None, {"axis": 0}, LAID_OUT),
        (INT8, STEPS * SIDES, None, {"axis": 1}, LAID_OUT),
        (INT8 // 13, STEPS, None, {"axis": 1}, LAID_OUT),
        ((INT8.astype(np.int16) + 128).astype(np.uint8), 0.01, 128, {}, LAID_OUT),
        ((INT8.astype(np.int16) + 128).astype(np.uint8), STEPS, [128] * 4, {"axis": 1}, LAID_OUT),
        ((INT8.astype(np.int16) + 128).astype(np.uint8), STEPS, [128, 127, 128, 128], {"axis": 1}, "has a zero point"),
        (INT8, 0.01, 1, {}, "has a zero point"),
        (np.where(INT8 > 90, -128, INT8).astype(np.int8), -0.01, None, {}, "has a zero point"),
        (INT8.astype(np.int16) * 9, STEPS, [1, 2, 3, 4], {"axis": 1}, "has 16 bits"),
        (INT8.astype(np.int32) * 99, 0.01, None, {}, None),
        (INT8, np.outer([1, 2, 3], STEPS), None, {"axis": 0, "block_size": 2}, "has a scale per block"),
    ],
)
def test_weights_keep_their_values(
    codes: Array, scale: Any, zero: Any, attributes: dict[str, int], ops: list[str] | str | None
) -> None:
    """On LiteRT's symmetric grid where it has one; else as float32, which is said of all but int32 (a bias)."""
    case = Case()
    case.node("MatMul", "x", case.weight(codes, scale, zero, **attributes))
    found, done = case.found()
    if isinstance(ops, list):
        assert (found, done.differences) == (ops, ())
    else:
        assert found == ["MatMul"]
        said = () if ops is None else (f"'{case.stored[-1].name}' {ops}: stored as float32",)
        assert done.differences == said


@pytest.mark.parametrize(
    ("lowest", "highest", "turned", "narrow"),
    [(-8, 7, False, 1), (-9, 7, False, 0), (-8, 8, False, 0), (-7, 7, True, 1), (-8, 7, True, 0), (-7, 8, True, 1)],
)
def test_four_bits_are_taken_where_every_code_fits(lowest: int, highest: int, turned: bool, narrow: int) -> None:
    """From -8 to 7, after codes of a scale below zero were turned over."""
    codes = np.array([[lowest, 0, 1, 2]] * 5 + [[highest, 1, 2, 3]], np.int8)
    case = Case()
    case.node("MatMul", "x", case.weight(codes, -0.5 if turned else 0.5))
    assert case.found()[1].narrow == narrow


@pytest.mark.parametrize(
    ("attributes", "ops"),
    [
        ({"transB": 1}, LAID_OUT),
        ({"transB": 1, "alpha": 1.0, "beta": 1.0, "transA": 0}, LAID_OUT),
        ({"transB": 1, "alpha": 2.0}, ["Weight", "Gemm"]),
        ({"transB": 1, "beta": 2.0}, ["Weight", "Gemm"]),
    ],
)
def test_a_plain_gemm_is_a_fully_connected_layer(attributes: dict[str, Any], ops: list[str]) -> None:
    """With its bias; one with factors stays what it is."""
    case = Case()
    bias = case.constant(np.arange(4, dtype=np.float32))
    case.node("Gemm", "x", case.weight(INT8.T.copy(), STEPS, axis=0), bias, **attributes)
    assert case.found()[0] == ops


def test_a_weight_that_two_layers_read_is_turned_once() -> None:
    """A Gemm that reads it as it is has it so."""
    case = Case((6, 6))
    square = np.ascontiguousarray(np.vstack([INT8.T, INT8.T[:2]]))
    weight = case.weight(square, [0.01, 0.02, 0.03, 0.01, 0.02, 0.03], axis=0)
    first = case.node("MatMul", "x", weight)
    second = case.node("Gemm", case.node("MatMul", case.node("Tanh", first), weight), weight, transB=1)
    ops = case.found(second)[0]
    assert (ops.count("Weight"), ops.count("FullyConnected")) == (2, 3)


@pytest.mark.parametrize(
    ("zero", "ops"),
    [
        (np.uint8(3), ["Grid"]),
        (np.int8(-5), ["Grid"]),
        (None, ["Grid"]),
        (np.int16(0), ["Grid"]),
        (np.uint16(32768), ["Grid"]),
        (np.int16(7), ["Rounded"]),
        (np.uint16(0), ["Rounded"]),
    ],
)
def test_activations_keep_their_grid(zero: Any, ops: list[str]) -> None:
    """In signed codes; 16-bit grids that are not symmetric are rounded in float, which is said."""
    case = Case()
    case.rounded("x", 0.004 if zero is None or zero.itemsize == 1 else 0.0001, zero)
    found, done = case.found()
    assert found == ops
    said = "'x' has 16-bit codes that are not symmetric: it is rounded by float operators"
    assert done.differences == ((said,) if ops == ["Rounded"] else ())


def test_a_pair_that_is_no_grid_stays() -> None:
    """A scale for each channel, or another scale or zero point behind than in front."""
    own, other = (np.float32(0.02), np.uint8(9)), (np.float32(0.03), np.uint8(8))
    for behind in ((other[0], own[1]), (own[0], other[1])):
        case = Case()
        codes = case.node("QuantizeLinear", "x", *map(case.constant, own))
        case.node("DequantizeLinear", codes, *map(case.constant, behind))
        assert case.found()[0] == ["QuantizeLinear", "DequantizeLinear"]
    case = Case((5, 4))
    grid = [case.constant(STEPS), case.constant(np.full(4, 128, np.uint8))]
    case.node("DequantizeLinear", case.node("QuantizeLinear", "x", *grid, axis=1), *grid, axis=1)
    assert case.found()[0] == ["QuantizeLinear", "DequantizeLinear"]


def test_codes_that_are_read_twice_or_are_an_output_are_one_grid() -> None:
    """Every reader has the same values, and codes are read off the values."""
    case = Case()
    grid = [case.constant(np.float32(0.02)), case.constant(np.uint8(100))]
    codes = case.node("QuantizeLinear", "x", *grid)
    one, two = (case.node("DequantizeLinear", codes, *grid) for _ in range(2))
    last = case.node("Add", one, case.node("Neg", two))
    ops, done = case.found(last, codes)
    assert ops.count("Grid") == 1
    assert [(place, each.zero_point, each.dtype) for place, each in done.codes_out.items()] == [(1, 100, "uint8")]


def _integer_layer(case: Case, op: str, codes: Array, scale: Any, *, bias: bool, computed: bool = False) -> str:
    """A layer in ONNX's own integer form, on codes of ``x``; the scale of its weight may be no constant."""
    grid = [case.constant(np.float32(0.02)), case.constant(np.uint8(120))]
    weight = [case.constant(codes), case.constant(np.asarray(scale, np.float32))]
    weight.append(case.constant(np.zeros(np.shape(scale), np.int8)))
    weight[1] = case.node("Identity", weight[1]) if computed else weight[1]
    last = [case.constant(np.float32(0.25)), case.constant(np.uint8(100))]
    more = [case.constant(np.arange(-2, len(codes) - 2, dtype=np.int32) * 500)] if bias else []
    made = case.node(op, case.node("QuantizeLinear", "x", *grid), *grid, *weight, *last, *more)
    return case.node("DequantizeLinear", made, *last)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("scale", [0.01, STEPS])
def test_an_integer_convolution_is_one_between_grids(scale: Any, bias: bool) -> None:
    """Its int32 bias lies on scale_x * scale_w, of each channel."""
    case = Case((2, 2, 6, 6))
    _integer_layer(case, "QLinearConv", PIXELS, scale, bias=bias)
    assert case.found(exact=False)[0] == ["Grid", "Weight", "Conv", "Grid"]


def test_a_bias_on_computed_scales_is_dequantized_by_their_product() -> None:
    """What is no constant is multiplied in the graph."""
    case = Case((2, 2, 6, 6))
    _integer_layer(case, "QLinearConv", PIXELS, STEPS, bias=True, computed=True)
    assert "Mul" in case.found(exact=False)[0]


@pytest.mark.parametrize("scale", [0.01, STEPS])
def test_an_integer_product_is_one_between_grids(scale: Any) -> None:
    """Columns have scales of their own."""
    case = Case()
    _integer_layer(case, "QLinearMatMul", INT8, scale, bias=False)
    assert case.found(exact=False)[0] == ["Grid", "Weight", "FullyConnected", "Grid"]


def _dynamic(case: Case, op: str, codes: Array, scale: Any, zero: Any) -> None:
    case.nodes.append(helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "step", "point"]))
    sums = case.node(op, "q", case.constant(codes), "point", case.constant(zero))
    both = case.node("Mul", "step", case.constant(np.asarray(scale, np.float32)))
    case.node("Mul", case.node("Cast", sums, to=TensorProto.FLOAT), both)


@pytest.mark.parametrize(
    ("op", "codes", "scale", "zero", "ops"),
    [
        ("MatMulInteger", INT8, 0.001, np.int8(0), LAID_OUT),
        ("MatMulInteger", INT8, STEPS / 10, np.int8(0), LAID_OUT),
        ("MatMulInteger", (INT8.astype(int) + 128).astype(np.uint8), 0.001, np.uint8(128), LAID_OUT),
        ("MatMulInteger", np.stack([INT8, -INT8]), 0.001, np.int8(0), ["Weight", "MatMul"]),
        ("ConvInteger", PIXELS, 0.001, np.int8(0), ["Weight", "Conv"]),
        ("ConvInteger", PIXELS, STEPS.reshape(4, 1, 1) / 10, np.int8(0), ["Weight", "Conv"]),
    ],
)
def test_a_dynamic_layer_is_one_on_floats(op: str, codes: Array, scale: Any, zero: Any, ops: list[str]) -> None:
    """It is told that LiteRT finds ranges otherwise; the weight is called as the list of dynamic ones says."""
    case = Case((2, 2, 6, 6) if op == "ConvInteger" else (5, 6))
    _dynamic(case, op, codes, scale, zero)
    found, done = case.found(exact=False)
    assert found == ops
    assert len(done.dynamic) == 1
    assert done.model.graph.node[0].output[0] == done.dynamic[0]
    assert "row by row" in done.differences[0]


def test_a_dynamic_layer_with_another_zero_point_stays() -> None:
    """Codes that reach further than 128 from it are on no grid of LiteRT's."""
    case = Case()
    _dynamic(case, "MatMulInteger", (INT8.astype(int) + 128).astype(np.uint8), 0.001, np.uint8(50))
    found, done = case.found()
    assert "MatMulInteger" in found
    assert done.dynamic == ()


@pytest.mark.parametrize(
    ("shape", "taken"), [((1, 4, 1, 1), True), ((4, 1, 1), True), ((1, 1, 1, 4), False), ((4,), False), ((), False)]
)
def test_what_is_added_per_channel_is_a_convolutions_bias(shape: tuple[int, ...], taken: bool) -> None:
    """One number for each channel, laid along their axis; anything else is a sum."""
    case = Case((2, 2, 6, 6))
    layer = case.node("Conv", "x", case.weight(PIXELS, 0.01))
    values = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    sums = case.node("Add", case.constant(values), layer)
    assert case.found(sums)[0] == (["Weight", "Conv"] if taken else ["Weight", "Conv", "Add"])


@pytest.mark.parametrize(
    ("shape", "rows"), [((4,), 5), ((1, 4), 5), ((), 5), ((5, 1), 5), ((5, 4), 5), ((4, 1), 4), ((1,), 5)]
)
def test_what_is_added_per_column_is_a_layers_bias(shape: tuple[int, ...], rows: int) -> None:
    """Only of a layer whose products nobody else reads, and that has none yet."""
    values = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    ops = {}
    for kind in ("alone", "read", "output", "biased"):
        case = Case((rows, 6))
        layer = case.node("MatMul", "x", case.weight(INT8, STEPS, axis=1))
        more = case.node("Exp", case.node("Neg", case.node("Abs", layer))) if kind == "read" else layer
        if kind == "biased":
            layer = case.node("Add", layer, case.constant(np.ones(4, np.float32)))
        sums = case.node("Add", layer, case.constant(values))
        ops[kind] = case.found(*{"read": (sums, more), "output": (sums, more)}.get(kind, (sums,)))[0].count("Add")
    taken = shape in ((4,), (1, 4))
    assert ops == {"alone": int(not taken), "read": 1, "output": 1, "biased": 1}


@pytest.mark.parametrize(
    "build",
    [
        lambda c: c.node("Add", "x", c.node("Neg", "x")),
        lambda c: c.node("Add", c.node("Neg", "x"), c.constant(np.arange(6, dtype=np.float32))),
        lambda c: c.node("Add", "x", c.constant(np.arange(6, dtype=np.float32))),
        lambda c: c.node("Add", c.node("MatMul", "x", c.node("Exp", "turned")), c.constant(np.ones(5, np.float32))),
        lambda c: c.node("Add", c.node("MatMul", "x", c.weight(INT8, STEPS, axis=1)), c.node("MatMul", "x", "four")),
    ],
)
def test_a_sum_without_a_layer_or_a_constant_stays(build: Callable[[Case], str]) -> None:
    """Two computed sides, a function of no weight, and a product of two computed tensors."""
    case = Case()
    case.node("Transpose", "x", output="turned", perm=[1, 0])
    case.node("Identity", case.constant(np.ones((6, 4), np.float32)), output="four")
    assert case.found(build(case))[0].count("Add") == 1


@pytest.mark.parametrize(
    ("build", "bounds"),
    [
        (lambda c, w: c.node("MatMul", c.node("Mul", "x", "x"), w), 0),
        (lambda c, w: c.node("Mul", c.node("MatMul", "x", w), c.constant(FACTORS)), 1),
        (lambda c, w: c.node("Div", c.node("Relu", c.node("MatMul", "x", w)), c.constant(FACTORS)), 1),
        (lambda c, w: c.node("Mul", c.node("Tanh", c.node("MatMul", "x", w)), c.constant(FACTORS)), 0),
        (lambda c, w: c.node("MatMul", c.node("Mul", "x", c.constant(np.arange(6, dtype=np.float32))), w), 1),
        (lambda c, w: c.node("Mul", c.node("MatMul", c.rounded("x", 0.02, np.uint8(128)), w), c.constant(FACTORS)), 0),
        (lambda c, w: c.node("Sigmoid", c.node("MatMul", c.node("Abs", "x"), w)), 0),
    ],
)
def test_a_factor_is_held_apart_where_it_could_be_moved_into_a_weight(
    build: Callable[[Case, str], str], bounds: int
) -> None:
    """In front of or behind a float layer on integer weights, across what a factor can be moved across, and only so."""
    case = Case()
    weight = case.weight(INT8, STEPS, axis=1)
    output = build(case, weight)
    assert case.found(output)[0].count("Bound") == bounds
