"""What the index says of makers, readers and constants, also of bodies, and that onnx-ir says the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx_ir as ir
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from qexplorer.graph.index import GraphIndex, label_of, made_at, read_at, reads_of

_INFO = helper.make_tensor_value_info


def _value(name: str) -> onnx.ValueInfoProto:
    return _INFO(name, TensorProto.FLOAT, [2])


def _model(nodes: list[onnx.NodeProto], inputs: list[str], outputs: list[str], *stored: str) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(np.ones(2, np.float32), name) for name in stored]
    graph = helper.make_graph(nodes, "g", [_value(i) for i in inputs], [_value(o) for o in outputs], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _body(reads: str, makes: str, **more: list[onnx.NodeProto]) -> onnx.GraphProto:
    nodes = [*more.get("nodes", []), helper.make_node("Relu", [reads], [makes], name=f"inner_{makes}")]
    return helper.make_graph(nodes, "body", [], [_value(makes)])


def _branches() -> onnx.ModelProto:
    """``x -> a`` is read by an If, whose one branch reads it in a second If, and by a node with a list of graphs."""
    deep = helper.make_node("If", ["c"], ["d"], name="deep", then_branch=_body("a", "d1"), else_branch=_body("w", "d2"))
    outer = helper.make_node(
        "If", ["c"], ["b"], name="outer", then_branch=_body("d", "b1", nodes=[deep]), else_branch=_body("x", "b2")
    )
    several = helper.make_node("Several", ["x"], ["s"], name="several", domain="mine")
    several.attribute.append(helper.make_attribute("bodies", [_body("a", "s1"), _body("v", "s2")]))
    first = helper.make_node("Relu", ["x"], ["a"], name="first")
    return _model([first, outer, several], ["x", "c"], ["b", "s"], "w", "v")


def test_a_tensor_has_one_maker_and_every_reader_once() -> None:
    """A node that reads a tensor twice is one reader; inputs, constants and names nobody knows have no maker."""
    twice = helper.make_node("Add", ["a", "a"], ["b"], name="twice")
    last = helper.make_node("Mul", ["a", "w"], ["y"], name="last")
    index = GraphIndex(_model([helper.make_node("Relu", ["x"], ["a"], name="first"), twice, last], ["x"], ["y"], "w"))
    assert [label_of(node) for node in index.readers("a")] == ["twice", "last"]
    assert index.consumers["a"] == ("twice", "last")
    assert index.producer == {"a": "first", "b": "twice", "y": "last"}
    assert all(index.maker(name) is None for name in ("x", "w", "nobody"))
    assert index.readers("y") == index.readers("nobody") == ()


def test_only_reader_is_none_where_something_else_reads_too() -> None:
    """There is an only reader if no second node, no body and not the outside has the tensor as well."""
    index = GraphIndex(_branches())
    assert index.only_reader("a") is None  # two bodies read it
    assert index.only_reader("w") is None  # one body, and no node
    assert index.only_reader("x") is None  # two nodes and a body
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Abs", ["y"], ["z"])]
    ends = GraphIndex(_model(nodes, ["x"], ["y"]))
    assert ends.only_reader("x") == "y"  # the label of a node without a name
    assert ends.only_reader("y") is None  # a graph output


def test_bodies_capture_through_single_graphs_lists_and_nested_ones() -> None:
    """What a body reads from outside counts as read by its owner, at any depth; what it makes itself does not."""
    index = GraphIndex(_branches())
    assert index.captured == {"a", "w", "x", "c", "v"}
    assert reads_of(index.nodes["outer"]) == ("c", "a", "w", "x")
    assert reads_of(index.nodes["several"]) == ("x", "a", "v")
    assert index.consumers["a"] == ("outer", "several")
    assert "d" not in index.captured
    assert "d" not in index.made_at


def test_a_body_that_gives_out_a_tensor_from_outside_captures_it() -> None:
    """A branch without nodes whose output is an outer tensor reads that tensor."""
    through = helper.make_graph([], "through", [], [_value("a")])
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=through, else_branch=_body("x", "z"))
    index = GraphIndex(_model([helper.make_node("Relu", ["x"], ["a"], name="first"), node], ["x", "c"], ["y"]))
    assert index.consumers["a"] == ("if",)


def test_an_output_may_be_an_input() -> None:
    """A tensor that goes straight through is input and output, made by nobody and read by nobody alone."""
    index = GraphIndex(_model([helper.make_node("Relu", ["x"], ["y"], name="n")], ["x"], ["x", "y"]))
    assert index.inputs == ("x",)
    assert index.outputs == ("x", "y")
    assert index.maker("x") is None
    assert index.only_reader("x") is None


def test_left_out_inputs_and_outputs_are_no_tensors() -> None:
    """The empty names of optional inputs and outputs have neither maker nor reader."""
    index = GraphIndex(_model([helper.make_node("Clip", ["x", "", "w"], ["y", ""], name="n")], ["x"], ["y"], "w"))
    assert set(index.read_at) == {"x", "w"}
    assert set(index.made_at) == {"y"}


def test_constants_are_initializers_and_constant_nodes_but_layers_are_neither() -> None:
    """Values of Constant nodes are found by name in their own type; text has none; no Constant node is a layer."""
    nodes = [
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.arange(2, dtype=np.int8))),
        helper.make_node("Constant", [], ["f"], value_floats=[1.0, 2.0]),
        helper.make_node("Constant", [], ["t"], value_string="text"),
        helper.make_node("Constant", [], ["other"], domain="mine"),
        helper.make_node("Add", ["x", "w"], ["y"], name="add"),
    ]
    index = GraphIndex(_model(nodes, ["x", "w"], ["y"], "w"))
    assert index.inputs == ("x",)  # an initializer that is listed as an input is not fed
    assert set(index.constants) == {"w", "k", "f"}
    assert index.value("k").dtype == np.int8  # type: ignore[union-attr]
    assert index.value("f").tolist() == [1.0, 2.0]  # type: ignore[union-attr]
    assert index.value("t") is None
    assert index.is_constant("w")
    assert not index.is_constant("k")
    assert list(index.nodes) == ["other", "add"]
    assert set(index.producer) == {"other", "y"}


def test_types_are_declared_or_inferred() -> None:
    """Types and ranks of a model are inferred where it declares none; a graph by itself has what it declares."""
    model = _model([helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Relu", ["x"], ["y"])], ["x"], ["y"])
    assert GraphIndex(model).types == {"x": 1, "y": 1, "s": 7}
    assert GraphIndex(model).ranks["s"] == 1
    assert GraphIndex(model.graph).types == {"x": 1, "y": 1}
    assert GraphIndex(model).is_float("y")
    assert not GraphIndex(model).is_float("s")
    assert (GraphIndex(model).opset, GraphIndex(model.graph).opset) == (21, 1)


@st.composite
def _graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """Nodes that read any earlier tensors, some of them through a body; some without names."""
    known, nodes = ["x", "c", "w"], []
    for place in range(draw(st.integers(1, 8))):
        reads = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
        name = draw(st.sampled_from(["", f"n{place}"]))
        if draw(st.booleans()):
            bodies = {
                key: _body(draw(st.sampled_from(known)), f"{key}{place}") for key in ("then_branch", "else_branch")
            }
            nodes.append(helper.make_node("If", reads[:1], [f"t{place}"], name=name, **bodies))
        else:
            nodes.append(helper.make_node("Sum", reads, [f"t{place}"], name=name))
        known.append(f"t{place}")
    outputs = draw(st.lists(st.sampled_from(known[3:]), min_size=1, unique=True))
    return _model(nodes, ["x", "c"], outputs, "w")


@settings(max_examples=60, deadline=None)
@given(_graphs())
def test_onnx_ir_says_the_same(model: onnx.ModelProto) -> None:
    """Makers and readers, through bodies too, are those of onnx-ir, which has its own way to find them."""
    index, graph = GraphIndex(model), ir.from_proto(model).graph
    places = {id(inner): place for place, node in enumerate(graph) for inner in _with_inner(node)}
    for node, mine in zip(graph, index.order, strict=True):
        for value in node.outputs:
            assert index.maker(str(value.name)) is mine
            readers = {places[id(use.node)] for use in value.uses()}
            assert set(index.read_at.get(str(value.name), ())) == readers
    for value in (*graph.inputs, *graph.initializers.values()):
        readers = {places[id(use.node)] for use in value.uses()}
        assert set(index.read_at.get(str(value.name), ())) == readers


def _with_inner(node: ir.Node) -> Iterator[ir.Node]:
    """``node`` and every node inside it."""
    yield node
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield from (found for inner in attribute.value for found in _with_inner(inner))


@given(_graphs())
@settings(max_examples=30, deadline=None)
def test_lists_of_nodes_are_asked_as_graphs_are(model: onnx.ModelProto) -> None:
    """For a graph under change the same two questions are answered from its list of nodes."""
    nodes, index = list(model.graph.node), GraphIndex(model)
    assert made_at(nodes) == index.made_at
    assert read_at(nodes) == index.read_at


def _table_and_weight(weight: np.ndarray) -> GraphIndex:
    """A look-up in a table of 3 x 2, and a product with ``weight``."""
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    nodes = [helper.make_node("Gather", ["t", "ids"], ["rows"]), helper.make_node("MatMul", ["rows", "w"], ["y"])]
    stored = [numpy_helper.from_array(table, "t"), numpy_helper.from_array(weight, "w")]
    ids = _INFO("ids", TensorProto.INT64, [2])
    graph = helper.make_graph(nodes, "g", [ids], [_INFO("y", TensorProto.FLOAT, [2, 3])], stored)
    return GraphIndex(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))


def test_a_weight_is_tied_to_the_table_that_it_is_turned_over() -> None:
    """Neither its shape alone says so, nor the same numbers in another order: the transpose is tied."""
    turned = np.arange(6, dtype=np.float32).reshape(3, 2).T
    assert _table_and_weight(np.ascontiguousarray(turned)).tied == {"w": "t"}
    assert _table_and_weight(np.arange(6, dtype=np.float32).reshape(2, 3)).tied == {}
    assert _table_and_weight(turned + np.float32(1)).tied == {}


def test_whole_numbers_follow_from_ids_and_shapes() -> None:
    """Ids and what is computed of them, of constants and of shapes are whole by origin; what floats decide is not."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Size", ["x"], ["size"]),
        helper.make_node("Add", ["ids", "shape"], ["moved"]),
        helper.make_node("Clip", ["ids", "", "one"], ["capped"]),
        helper.make_node("Range", ["one", "one", "one"], ["row"]),
        helper.make_node("Cast", ["ids"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["real"], ["back"], to=TensorProto.INT64),
        helper.make_node("Cast", ["x"], ["places"], to=TensorProto.INT64),
        helper.make_node("Add", ["places", "shape"], ["mixed"]),
    ]
    ends = [_INFO("x", TensorProto.FLOAT, [2]), _INFO("ids", TensorProto.INT64, [1])]
    outs = [_INFO(name, TensorProto.INT64, None) for name in ("moved", "mixed")]
    one = numpy_helper.from_array(np.array(1, np.int64), "one")
    graph = helper.make_graph(nodes, "g", ends, outs, [one])
    index = GraphIndex(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    assert index.whole == {"ids", "shape", "size", "moved", "capped", "row"}


def test_whole_numbers_are_of_any_width_and_sign() -> None:
    """Inputs of every integer type count, and those of no other."""
    integers = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
    others = {"FLOAT", "FLOAT16", "DOUBLE", "BOOL", "STRING"}
    ends = [_INFO(name, TensorProto.DataType.Value(name), [1]) for name in sorted(integers | others)]
    graph = helper.make_graph([helper.make_node("Identity", ["INT8"], ["y"])], "g", ends, [_INFO("y", 3, [1])])
    assert GraphIndex(helper.make_model(graph)).whole == {*integers, "y"}
