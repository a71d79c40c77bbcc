"""Which pairs of roundings are one grid of LiteRT's, and which stay as they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import Array
from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.activations import rewrite_activations
from qexplorer.run.litert.rewrite.tables import rewrite_tables
from tests.run.litert.rewritten_cases import Case

PAIR = ["QuantizeLinear", "DequantizeLinear"]
HALF, THREE = np.float32(0.5), np.uint8(3)


def _pair(
    scale: Any = HALF,
    zero: Any = THREE,
    behind: tuple[Any, Any] | None = None,
    computed: str = "",
    **settings: int,
) -> list[str]:
    """What is left of a pair on constants; ``behind`` are those of the second half, ``computed`` is no constant."""
    stored = {"s": scale, "z": zero} | dict(zip(("s2", "z2"), behind or (), strict=False))
    names = [("s", "z"), ("s2", "z2") if behind else ("s", "z")]
    reads = [[name for name in each if stored[name] is not None] for each in names]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *reads[0]], ["q"], **settings),
        helper.make_node("DequantizeLinear", ["q", *reads[1]], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    kept = [numpy_helper.from_array(np.asarray(v), n) for n, v in stored.items() if v is not None and n != computed]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], kept)
    edit = GraphEdit(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]))
    rewrite_activations(edit, [])
    return [node.op_type for node in edit.nodes]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, ["Grid"]),
        ({"scale": np.float32([0.5])}, ["Grid"]),
        ({"zero": None}, ["Grid"]),
        ({"behind": (np.float32([0.5, 0.5]), np.uint8([3, 3]))}, ["Grid"]),
        ({"behind": (np.float32([0.5, 0.25]), np.uint8([3, 3]))}, PAIR),
        ({"behind": (np.float32(0.5), np.uint8(4))}, PAIR),
        ({"behind": (np.float32(0.5), None)}, PAIR),
        ({"zero": np.uint8(0), "behind": (np.float32(0.5), np.int8(0))}, PAIR),
        ({"scale": np.float32([0.5, 0.5]), "zero": np.uint8([3, 3])}, PAIR),
        ({"scale": np.float16(0.5)}, PAIR),
        ({"zero": np.int32(3)}, PAIR),
        ({"zero": None, "output_dtype": TensorProto.INT8}, PAIR),
        ({"block_size": 2}, PAIR),
        ({"computed": "s"}, PAIR),
        ({"computed": "z"}, PAIR),
    ],
)
def test_a_pair_is_a_grid_if_both_halves_have_its_one_scale(given: dict[str, Any], left: list[str]) -> None:
    """In float32, with constants of 8 or 16 bits; a scale may be repeated for each channel behind."""
    assert _pair(**given) == left


def test_a_zero_point_that_is_left_out_by_an_empty_name_is_zero() -> None:
    """As where the input is not there at all."""
    case = Case()
    step = case.constant(np.float32(0.02))
    case.node("DequantizeLinear", case.node("QuantizeLinear", "x", step, ""), step, "")
    ops, done = case.found()
    assert ops == ["Grid"]
    found = {each.name: helper.get_attribute_value(each) for each in done.model.graph.node[0].attribute}
    assert (found["zero_point"], found["type"]) == (-128, b"int8")


def test_codes_that_nothing_or_not_all_make_values_of_stay() -> None:
    """An output of codes alone, a reader of codes, and a second half on another grid."""
    grid = [np.float32(0.02), np.uint8(100)]
    case = Case()
    case.node("QuantizeLinear", "x", *map(case.constant, grid))
    assert case.found()[0] == ["QuantizeLinear"]
    for reader in (("Cast", {"to": TensorProto.FLOAT}), None):
        case = Case()
        own = list(map(case.constant, grid))
        codes = case.node("QuantizeLinear", "x", *own)
        one = case.node("DequantizeLinear", codes, *own)
        two = (
            case.node(reader[0], codes, **reader[1])
            if reader
            else case.node("DequantizeLinear", codes, case.constant(np.float32(0.03)), own[1])
        )
        case.node("Add", one, two)
        assert "QuantizeLinear" in case.found()[0]


def test_a_product_of_another_form_is_no_fully_connected_layer() -> None:
    """One whose input is turned, and one of stacked matrices."""
    codes = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)
    case = Case((6, 5))
    case.node("Gemm", "x", case.weight(codes, 0.5), transA=1, transB=1)
    assert case.found()[0] == ["Weight", "Gemm"]
    case = Case((2, 5, 6))
    case.node("MatMul", "x", case.weight(np.stack([codes.T, codes.T]), 0.5))
    assert case.found()[0] == ["Weight", "MatMul"]


SQUARE = np.arange(-18, 18, dtype=np.int8).reshape(2, 2, 3, 3)


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [({"pads": [1, 0, 1, 2], "strides": [2, 1]}, (2, 2, 6, 6)), ({"group": 2, "dilations": [2, 1]}, (2, 4, 6, 6))],
)
def test_a_dynamic_convolution_keeps_how_it_moves(attributes: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Pads, strides, groups and dilations are those of the layer on floats."""
    case = Case(shape)
    case.nodes.append(helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "step", "point"]))
    sums = case.node("ConvInteger", "q", case.constant(SQUARE), "point", **attributes)
    both = case.node("Mul", "step", case.constant(np.float32(0.001)))
    case.node("Mul", case.node("Cast", sums, to=TensorProto.FLOAT), both)
    ops, done = case.found(exact=False)
    assert ops == ["Weight", "Conv"]
    found = {each.name: helper.get_attribute_value(each) for each in done.model.graph.node[1].attribute}
    assert found == attributes


def _layer(case: Case, change: str) -> None:
    """A dynamic product of which one thing is otherwise."""
    case.nodes.append(helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "step", "point"]))
    codes = case.constant(np.arange(-12, 12, dtype=np.int8).reshape(6, 4))
    codes = case.node("Neg", codes) if change == "a weight that is computed" else codes
    point = case.constant(np.uint8(7)) if change == "another zero point" else "point"
    given = case.node("Cast", "x", to=TensorProto.UINT8) if change == "codes of another kind" else "q"
    rest = {"no zero point": [], "a zero point left out": [point, ""]}.get(change, [point])
    sums = case.node("MatMulInteger", given, codes, *rest)
    factor = case.constant(np.float32(0.001))
    both = case.node("Add" if change == "a sum of scales" else "Mul", "step", factor)
    if change == "a scale that is computed":
        both = case.node("Mul", "step", case.node("Abs", "step"))
    if change == "another scale":
        both = case.node("Mul", factor, factor)
    floats = case.node("Cast", sums, to=TensorProto.FLOAT)
    last = case.node("Mul", floats, both)
    if change == "sums that are read twice":
        case.node("Add", last, case.node("Cast", sums, to=TensorProto.FLOAT))
    if change == "floats that are read twice":
        case.node("Add", last, floats)


@pytest.mark.parametrize(
    "change",
    [
        "another zero point",
        "a sum of scales",
        "a scale that is computed",
        "another scale",
        "sums that are read twice",
        "floats that are read twice",
        "a weight that is computed",
        "codes of another kind",
        "no zero point",
    ],
)
def test_what_is_not_quite_a_dynamic_layer_stays(change: str) -> None:
    """Every part of it has to be there, and be read by nobody else."""
    case = Case((5, 6))
    _layer(case, change)
    ops, done = case.found()
    assert "MatMulInteger" in ops
    assert done.dynamic == ()


@pytest.mark.parametrize("change", ["", "a zero point left out"])
def test_a_dynamic_layer_whose_weight_has_no_zero_point_is_one_on_floats(change: str) -> None:
    """Whether the input is not there or has no name."""
    case = Case((5, 6))
    _layer(case, change)
    ops, done = case.found(exact=False)
    assert ops == ["Weight", "FullyConnected"]
    assert len(done.dynamic) == 1


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (lambda _: "x", {"low": 0.0, "high": 6.0}),
        (lambda case: case.node("Neg", "x"), {"low": 0.0, "high": 6.0}),
        (lambda case: case.rounded("x", 0.02, np.uint8(0)), {}),
    ],
)
def test_a_bound_behind_no_grid_stays(make: Callable[[Case], str], kept: dict[str, float]) -> None:
    """Nothing says that its values keep to it."""
    case = Case()
    limits = [case.constant(np.float32(0)), case.constant(np.float32(6))]
    case.node("Clip", make(case), *limits)
    node = case.found()[1].model.graph.node[-1]
    assert {each.name: helper.get_attribute_value(each) for each in node.attribute} == kept


@pytest.mark.parametrize(
    ("over", "behind", "ops"),
    [
        ("codes", True, ["Exp", "Grid", "Grid", "FloatDiv", "Grid"]),
        ("codes", False, ["Exp", "Grid", "Grid", "Div"]),
        ("floats", True, ["Exp", "Grid", "Div", "Grid"]),
    ],
)
def test_a_quotient_of_codes_is_computed_in_float(over: str, behind: bool, ops: list[str]) -> None:
    """Where both sides and the answer are on grids, which is said; LiteRT has a kernel for floats."""
    case = Case()
    above = case.node("Exp", "x")
    below = case.rounded(above, 0.05, np.uint8(0)) if over == "codes" else above
    made = case.node("Div", case.rounded("x", 0.02, np.uint8(120)), below)
    last = case.rounded(made, 0.25, np.uint8(128)) if behind else made
    found, done = case.found(last)
    assert found == ops
    said = f"'{made}' is computed in float: LiteRT's Div on codes cannot do its grid"
    assert done.differences == ((said,) if "FloatDiv" in ops else ())


LEVELS = np.array([-1.0, 0.0, 0.5, 1.0], np.float32)


@pytest.mark.parametrize(
    ("op", "inputs", "settings", "made"),
    [
        ("Gather", [LEVELS, np.int32([[3, 0]])], {}, [[1.0, -1.0]]),
        ("Gather", [np.float32([[1, 2], [3, 4]]), np.int32([1])], {"axis": 1}, [[2.0], [4.0]]),
        ("Gather", [LEVELS, np.array([3, 0])], {}, None),
        ("Gather", [LEVELS.astype(np.float64), np.int32([3, 0])], {}, None),
        ("Mul", [LEVELS, np.float32(2)], {}, [-2.0, 0.0, 1.0, 2.0]),
        ("Mul", [np.array([3]), np.array([2])], {}, None),
        ("DequantizeLinear", [np.uint8(1), np.float32(0.25)], {}, 0.25),
        ("DequantizeLinear", [np.uint8([1]), np.float32(0.25)], {}, None),
        ("DequantizeLinear", [np.uint8(1), np.float32(0.25), np.uint8(3)], {}, None),
        ("Cast", [np.uint8([[1, 2]])], {"to": TensorProto.INT32}, [[1, 2]]),
        ("Cast", [np.uint16([1, 2])], {"to": TensorProto.INT32}, [1, 2]),
        ("Cast", [np.uint8([1])], {"to": TensorProto.FLOAT}, None),
        ("Cast", [np.int8([1])], {"to": TensorProto.INT32}, None),
        ("Add", [LEVELS, LEVELS], {}, None),
    ],
)
@pytest.mark.parametrize("computed", [False, True])
def test_a_look_up_is_computed_from_constants(
    op: str, inputs: list[Array], settings: dict[str, int], made: Any, computed: bool
) -> None:
    """Levels by places, their scale, and the one of a DequantizeLinear; anything else, and what is fed, stays."""
    stored = [numpy_helper.from_array(np.asarray(each), f"c{i}") for i, each in enumerate(inputs)]
    names = ["x" if computed and i == len(inputs) - 1 else f"c{i}" for i in range(len(inputs))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph([helper.make_node(op, names, ["y"], **settings)], "g", ends[:1], ends[1:], stored)
    edit, said = GraphEdit(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])), list[str]()
    rewrite_tables(edit, said)
    found = edit.array("y")
    assert (found is None) == (made is None or computed)
    assert found is None or found.tolist() == made
    assert len(edit.nodes) == (found is None)
    assert len(said) == (op == "Cast" and found is not None and found.ndim > 1)
