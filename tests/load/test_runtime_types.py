"""Which tensors are of an unknown kind, and what ONNX Runtime tells of them."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.load.runtime_types import runtime_types, untyped
from qexplorer.load.shapes import inferred
from tests.load.model_graphs import model, weight


def _tensor(kind: int, shape: list[int] | None) -> onnx.TypeProto:
    return helper.make_tensor_type_proto(kind, shape)


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        (_tensor(TensorProto.FLOAT, [1]), False),
        (_tensor(TensorProto.FLOAT, []), False),
        (_tensor(TensorProto.FLOAT, None), True),
        (_tensor(TensorProto.UNDEFINED, [1]), True),
        (onnx.TypeProto(), True),
        (helper.make_sequence_type_proto(_tensor(TensorProto.FLOAT, None)), False),
    ],
)
@pytest.mark.parametrize("place", ["value_info", "output"])
def test_a_tensor_without_type_or_shape_is_unknown(kind: onnx.TypeProto, unknown: bool, place: str) -> None:
    """A list of tensors has neither, and is known for what it is; what is not made is not asked for."""
    graph = helper.make_graph([helper.make_node("Op", ["x"], ["y", ""])], "g", [], [])
    getattr(graph, place).add(name="y", type=kind)
    assert untyped(graph) == (["y"] if unknown else [])


def test_what_nothing_is_written_of_is_unknown() -> None:
    """In the order in which it is made."""
    graph = helper.make_graph([helper.make_node("Op", ["x"], ["b", "a"])], "g", [], [])
    assert untyped(graph) == ["b", "a"]


def test_the_runtime_tells_types_and_shapes() -> None:
    """Free lengths keep their names, made-up names are left out; lists and texts are no tensors of numbers."""
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["x"], ["text"], to=TensorProto.STRING),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("NonZero", ["x"], ["places"]),
        helper.make_node("SequenceConstruct", ["x"], ["list"]),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    names = ["half", "text", "shape", "places", "list"]
    found = runtime_types(model(nodes, {"x": ["n", 3]}, ["y"]), names)
    told = {value.name: value.type.tensor_type for value in found}
    assert {name: kind.elem_type for name, kind in told.items()} == {
        "half": TensorProto.FLOAT16,
        "shape": TensorProto.INT64,
        "places": TensorProto.INT64,
    }
    shapes = {name: [d.dim_param or d.dim_value for d in kind.shape.dim] for name, kind in told.items()}
    assert shapes["half"] == ["n", 3]
    assert shapes["shape"] == [2]
    assert shapes["places"][0] == 2
    assert len(shapes["places"]) == 2


def test_a_graph_that_the_runtime_does_not_load_tells_nothing() -> None:
    """What is unknown stays so."""
    assert runtime_types(model([helper.make_node("NoSuchOperator", ["x"], ["y"])], {"x": [1]}, ["y"]), ["y"]) == []


def test_what_stands_behind_an_operator_of_the_runtime_is_inferred_on() -> None:
    """The shape that the runtime tells of a product of its own is followed through operators of the standard."""
    nodes = [
        helper.make_node("FusedMatMul", ["x", "w"], ["h"], domain="com.microsoft", transB=1),
        helper.make_node("Transpose", ["h"], ["t"], perm=[1, 0]),
        helper.make_node("Relu", ["t"], ["y"]),
    ]
    opsets = [helper.make_opsetid("com.microsoft", 1)]
    found = inferred(model(nodes, {"x": ["n", 3]}, ["y"], {"w": weight(5, 3)}, opsets=opsets)).graph
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*found.value_info, *found.output)
    }
    assert shapes == {"h": ["n", 5], "t": [5, "n"], "y": [5, "n"]}
