"""Shape arithmetic of which only the batch is unknown."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
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
