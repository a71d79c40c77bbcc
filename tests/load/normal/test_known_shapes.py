"""Shape arithmetic of which only the batch is unknown."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.load.normal.fold import folded
from qexplorer.load.normal.known_shapes import with_known_shapes


def ops(proto: onnx.ModelProto) -> Counter[str]:
    """Operators of a graph, counted."""
    return Counter(node.op_type for node in proto.graph.node)


def graph(nodes: list[onnx.NodeProto], shape: list[int | str], **constants: int | list[int]) -> onnx.ModelProto:
    """A model from ``x`` of ``shape`` to ``y``."""
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
    ]
    kept = [
        numpy_helper.from_array(np.array(v, np.int64), name)
        for name, v in ({"zero": 0, "one": 1, "two": 2, "first": [0], "every": [-1]} | constants).items()
    ]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], kept)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def sizes(*places: str) -> list[onnx.NodeProto]:
    """``x.shape`` and each of ``places`` of it as a vector of one element, ``zero//dim`` and so on."""
    nodes = [helper.make_node("Shape", ["x"], ["shape"])]
    for place in places:
        nodes.append(helper.make_node("Gather", ["shape", place], [f"{place}//size"], axis=0))
        nodes.append(helper.make_node("Unsqueeze", [f"{place}//size", "first"], [f"{place}//dim"]))
    return nodes


def same_answers(before: onnx.ModelProto, after: onnx.ModelProto, *shapes: tuple[int, ...]) -> bool:
    """Whether ONNX Runtime answers the same, bit by bit, for inputs of these shapes."""
    sessions = [ort.InferenceSession(each.SerializeToString()) for each in (before, after)]
    random = np.random.default_rng(0)
    for shape in shapes:
        x = random.standard_normal(shape).astype(np.float32)
        a, b = (session.run(None, {"x": x})[0] for session in sessions)
        if a.shape != b.shape or not np.array_equal(a, b):
            return False
    return True


def view() -> list[onnx.NodeProto]:
    """``x.view(x.shape[0], x.shape[1], 4, x.shape[2] // 4)`` as exporters write it."""
    return [
        *sizes("zero", "one", "two"),
        helper.make_node("Div", ["two//size", "four"], ["quarter"]),
        helper.make_node("Unsqueeze", ["quarter", "first"], ["width"]),
        helper.make_node("Concat", ["zero//dim", "one//dim", "heads", "width"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]


def test_a_view_with_a_free_batch_is_one_reshape() -> None:
    """The dozen nodes that compute its shape become a constant, which fits every batch."""
    given = graph(view(), ["n", 5, 8], four=4, heads=[4])
    found = folded(with_known_shapes(given))
    assert ops(found) == {"Reshape": 1}
    assert same_answers(given, found, (1, 5, 8), (7, 5, 8))


def test_two_free_dimensions_stay_in_their_places() -> None:
    """Batch and length are both free: each is what stands in its place already, and the answer fits any."""
    given = graph(view(), ["n", "length", 8], four=4, heads=[4])
    found = folded(with_known_shapes(given))
    assert ops(found) == {"Reshape": 1}
    assert same_answers(given, found, (1, 5, 8), (3, 2, 8))


def test_what_is_not_known_is_left() -> None:
    """Two free dimensions in each other's places cannot be one constant."""
    nodes = [
        *sizes("zero", "one"),
        helper.make_node("Concat", ["one//dim", "zero//dim", "every"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    given = graph(nodes, ["n", "length", 8])
    found = folded(with_known_shapes(given))
    assert ops(found)["Shape"] >= 1
    assert same_answers(given, found, (1, 5, 8), (3, 2, 8))


def test_the_places_of_a_fixed_length_are_constant() -> None:
    """A range over a fixed length beside a free batch is computed once, while loading."""
    nodes = [
        *sizes("one"),
        helper.make_node("Range", ["zero", "one//size", "one"], ["places"]),
        helper.make_node("Cast", ["places"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "every"], ["column"]),
        helper.make_node("Add", ["x", "column"], ["y"]),
    ]
    given = graph(nodes, ["n", 5, 8])
    found = folded(with_known_shapes(given))
    assert ops(found) == {"Add": 1}
    assert same_answers(given, found, (1, 5, 8), (3, 5, 8))


def test_an_expand_of_minus_one_knows_its_sizes() -> None:
    """``token.expand(n, -1, 8)``: Equal and Where are decided, because a free dimension is never negative."""
    nodes = [
        *sizes("zero"),
        helper.make_node("Concat", ["zero//dim", "rest"], ["asked"], axis=0),
        helper.make_node("Equal", ["asked", "minus"], ["same"]),
        helper.make_node("Where", ["same", "ones", "asked"], ["target"]),
        helper.make_node("Gather", ["target", "two"], ["width"]),
        helper.make_node("Cast", ["width"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "number"], ["y"]),
    ]
    given = graph(nodes, ["n", 5, 8], rest=[-1, 8], minus=[-1], ones=[1, 1, 1])
    found = folded(with_known_shapes(given))
    assert ops(found) == {"Add": 1}
    assert same_answers(given, found, (1, 5, 8), (3, 5, 8))


def test_a_free_dimension_may_be_zero_or_any_number() -> None:
    """Whether a batch equals 0 or 3 is known only as it runs: the answer to an empty batch is that of the original."""
    nodes = [
        *sizes("zero"),
        helper.make_node("Equal", ["zero//dim", "asked"], ["same"]),
        helper.make_node("Where", ["same", "yes", "no"], ["chosen"]),
        helper.make_node("Cast", ["chosen"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "number"], ["y"]),
    ]
    for asked in (0, 3):
        given = graph(nodes, ["n", 8], asked=[asked], yes=[100], no=[0])
        found = folded(with_known_shapes(given))
        assert same_answers(given, found, (0, 8), (1, 8), (3, 8))


def test_a_multiple_of_the_batch_is_not_known() -> None:
    """Twice a free length is no number, and so is twice on either side; once is the length itself."""
    for factors in (["zero//size", "two"], ["two", "zero//size"], ["zero//size", "one"]):
        nodes = [
            *sizes("zero"),
            helper.make_node("Mul", factors, ["rows"]),
            helper.make_node("Unsqueeze", ["rows", "first"], ["row"]),
            helper.make_node("Concat", ["row", "every"], ["target"], axis=0),
            helper.make_node("Reshape", ["x", "target"], ["y"]),
        ]
        before = graph(nodes, ["n", 8])
        assert same_answers(before, with_known_shapes(before), (1, 8), (3, 8))


_N = helper.make_node
_SHAPE = _N("Shape", ["x"], ["s"])
_TAIL = _N("Shape", ["x"], ["s"], start=1)
_SIX, _EIGHT = (_N("Gather", ["s", place], [to]) for place, to in (("one", "six"), ("two", "eight")))
ARITHMETIC: dict[str, tuple[list[onnx.NodeProto], bool]] = {
    # what is computed of the shape (n, 6, 8), up to "v", and whether it is known before the model runs
    "the tail of a shape": ([_N("Shape", ["x"], ["v"], start=1)], True),
    "its last length": ([_N("Shape", ["x"], ["v"], start=-1)], True),
    "between two places": ([_N("Shape", ["x"], ["v"], start=1, end=2)], True),
    "its beginning": ([_N("Shape", ["x"], ["v"], end=1)], False),
    "one place from the end": ([_SHAPE, _N("Gather", ["s", "minus"], ["v"])], True),
    "two places turned over": ([_SHAPE, _N("Gather", ["s", "turned"], ["v"])], True),
    "the batch": ([_SHAPE, _N("Gather", ["s", "zero"], ["v"])], False),
    "a slice": ([_SHAPE, _N("Slice", ["s", "at1", "at3"], ["v"])], True),
    "a slice beyond the end": ([_SHAPE, _N("Slice", ["s", "at1", "far"], ["v"])], True),
    "a slice from the end": ([_SHAPE, _N("Slice", ["s", "every", "far"], ["v"])], True),
    "every second": ([_TAIL, _N("Slice", ["s", "first", "far", "first", "at2"], ["v"])], True),
    "backwards": ([_SHAPE, _N("Slice", ["s", "every", "first", "first", "every"], ["v"])], False),
    "a slice with the batch in it": ([_SHAPE, _N("Slice", ["s", "first", "at1"], ["v"])], False),
    "a scalar in brackets": ([_SHAPE, _SIX, _N("Unsqueeze", ["six", "first"], ["v"])], True),
    "a vector in brackets": ([_TAIL, _N("Unsqueeze", ["s", "first"], ["v"])], True),
    "out of brackets": ([_SHAPE, _N("Slice", ["s", "at1", "at2"], ["b"]), _N("Squeeze", ["b", "first"], ["v"])], True),
    "a scalar as a vector": ([_SHAPE, _SIX, _N("Reshape", ["six", "every"], ["v"])], True),
    "a vector as a vector": ([_TAIL, _N("Reshape", ["s", "at2"], ["v"])], True),
    "a vector as a column": ([_TAIL, _N("Reshape", ["s", "column"], ["v"])], True),
    "a sum": ([_SHAPE, _SIX, _EIGHT, _N("Add", ["six", "eight"], ["v"])], True),
    "a difference": ([_SHAPE, _SIX, _EIGHT, _N("Sub", ["eight", "six"], ["v"])], True),
    "a difference below zero": ([_SHAPE, _SIX, _EIGHT, _N("Sub", ["six", "eight"], ["v"])], True),
    "nothing taken from the batch": (
        [_SHAPE, _N("Gather", ["s", "zero"], ["b"]), _N("Sub", ["b", "zero"], ["v"])],
        False,
    ),
    "the batch taken from nothing": (
        [_SHAPE, _N("Gather", ["s", "zero"], ["b"]), _N("Sub", ["zero", "b"], ["v"])],
        False,
    ),
    "one over the batch": ([_SHAPE, _N("Gather", ["s", "zero"], ["b"]), _N("Div", ["one", "b"], ["v"])], False),
    "a quotient": ([_SHAPE, _EIGHT, _N("Div", ["eight", "three"], ["v"])], True),
    "a quotient below zero": (
        [_SHAPE, _SIX, _EIGHT, _N("Sub", ["six", "eight"], ["b"]), _N("Div", ["b", "three"], ["v"])],
        True,
    ),
    "a product of both": ([_TAIL, _N("Mul", ["s", "two"], ["v"])], True),
    "a scalar and a vector of one": ([_SHAPE, _SIX, _N("Add", ["six", "at1"], ["v"])], True),
    "one after the other": ([_TAIL, _N("Concat", ["s", "at3", "s"], ["v"], axis=0)], True),
    "as many of a kind": (
        [
            _N("ConstantOfShape", ["at3"], ["b"], value=numpy_helper.from_array(np.int64([7]))),
            _N("Add", ["b", "one"], ["v"]),
        ],
        True,
    ),
    "in 32 bits": ([_TAIL, _N("Cast", ["s"], ["v"], to=TensorProto.INT32)], True),
    "whether there is any": (
        [_TAIL, _N("Cast", ["s"], ["b"], to=TensorProto.BOOL), _N("Cast", ["b"], ["v"], to=TensorProto.INT64)],
        True,
    ),
    "which are equal": ([_TAIL, _N("Equal", ["s", "eights"], ["b"]), _N("Where", ["b", "at2", "s"], ["v"])], True),
    "the batch, equal to itself": (
        [
            _SHAPE,
            _N("Slice", ["s", "first", "at1"], ["a"]),
            _N("Equal", ["a", "a"], ["b"]),
            _N("Where", ["b", "at2", "a"], ["v"]),
        ],
        True,
    ),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_what_is_computed_of_a_shape_is_what_the_runtime_computes(name: str) -> None:
    """Each operator by itself: the answers stay bit by bit, and where all is known no Shape is left."""
    nodes, known = ARITHMETIC[name]
    counted = [
        *nodes,
        helper.make_node("Reshape", ["v", "every"], ["flat"]),
        helper.make_node("Concat", ["flat", "first"], ["all"], axis=0),
        helper.make_node("Cast", ["all"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("CumSum", ["numbers", "zero"], ["upto"]),  # so that order and signs show
        helper.make_node("Mul", ["upto", "upto"], ["squares"]),
        helper.make_node("Add", ["squares", "numbers"], ["mixed"]),
        helper.make_node("ReduceSum", ["mixed"], ["sum"], keepdims=0),
        helper.make_node("Sum", ["x", "sum"], ["y"]),
    ]
    if "32" in name:
        counted[-7] = helper.make_node("Identity", ["flat"], ["all"])
    more = {
        "minus": -1,
        "turned": [2, 1],
        "at1": [1],
        "at2": [2],
        "at3": [3],
        "far": [99],
        "column": [2, 1],
        "three": 3,
    }
    given = graph(counted, ["n", 6, 8], **more, eights=[8, 8])
    found = with_known_shapes(given)
    assert same_answers(given, folded(found), (1, 6, 8), (3, 6, 8))
    assert (ops(found)["Shape"] == 0) == known
