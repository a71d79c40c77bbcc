"""The one walk through a file that nobody has checked reaches everything in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.graph.constant_nodes import constant_value
from qexplorer.graph.walk import (
    all_graphs,
    all_nodes,
    all_tensors,
    captured_names,
    default_opset,
    fed_inputs,
    names_inside,
    subgraphs,
)


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])


def _tensor(name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(2, np.float32), name)


def _graph(name: str, nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
    return helper.make_graph(nodes, name, [], [_value(f"{name}_out")], [_tensor(f"{name}_weight")])


def _sparse(name: str) -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(_tensor(name), numpy_helper.from_array(np.arange(2), f"{name}_places"), [4])


def _everything() -> onnx.ModelProto:
    """A model with a graph in every place that ONNX has for one, and a tensor in every place for one."""
    node = helper.make_node
    deepest = node("Deepest", [], ["z"], name="deepest")
    single = node("Single", ["x"], ["a"], name="single", body=_graph("inside", [deepest]))
    several = node("Several", ["x"], ["b"], name="several")
    several.attribute.append(helper.make_attribute("bodies", [_graph("first", []), _graph("second", [])]))
    holder = node("Constant", [], ["k"], value=_tensor("dense"))
    sparse = node("Constant", [], ["s"], sparse_value=_sparse("thin"))
    lists = node("Lists", [], ["l"], name="lists")
    lists.attribute.append(helper.make_attribute("dense", [_tensor("one"), _tensor("two")]))
    lists.attribute.append(helper.make_attribute("sparse", [_sparse("three")]))
    main = helper.make_graph([single, several, holder, sparse, lists], "main", [_value("x")], [_value("a")])
    main.initializer.append(_tensor("weight"))
    main.sparse_initializer.append(_sparse("thin_weight"))
    called = node("Called", [], ["q"], name="called", body=_graph("in_function", []))
    function = helper.make_function("mine", "F", [], ["q"], [called], [helper.make_opsetid("", 21)])
    function.attribute_proto.append(helper.make_attribute("default", _graph("in_default", [])))
    function.attribute_proto.append(helper.make_attribute("number", _tensor("default_number")))
    return helper.make_model(main, functions=[function], opset_imports=[helper.make_opsetid("", 21)])


def test_every_graph_is_walked_the_main_one_first() -> None:
    """Single graphs, lists, nested ones, those in functions and in their defaults are walked once each."""
    names = [graph.name for graph in all_graphs(_everything())]
    assert names[0] == "main"
    assert sorted(names) == ["first", "in_default", "in_function", "inside", "main", "second"]


def test_every_node_is_walked() -> None:
    """Nodes of the graph, of bodies and of functions are walked once each."""
    found = sorted(node.name or node.op_type for node in all_nodes(_everything()))
    assert found == ["Constant", "Constant", "called", "deepest", "lists", "several", "single"]


def test_every_tensor_is_walked() -> None:
    """Initializers and attributes, dense and sparse (values and places), in every graph, and functions' defaults."""
    found = sorted(tensor.name for _, tensor in all_tensors(_everything()))
    weights = [f"{name}_weight" for name in ("first", "in_default", "in_function", "inside", "second")]
    thin = ["thin", "thin_places", "thin_weight", "thin_weight_places", "three", "three_places"]
    assert found == sorted(["weight", "dense", "one", "two", "default_number", *weights, *thin])


def test_tensors_in_attributes_bear_the_name_a_person_knows() -> None:
    """A Constant is called after its output, any other holder after its node."""
    names = {tensor.name: name for name, tensor in all_tensors(_everything())}
    assert (names["dense"], names["thin"], names["one"], names["weight"]) == ("k", "s", "lists", "weight")
    assert (names["three"], names["thin_weight"], names["thin_weight_places"]) == (
        "lists",
        "thin_weight",
        "thin_weight",
    )


def test_a_name_that_a_body_defines_is_not_captured() -> None:
    """Inputs, stored values and results of a body are its own, in the bodies inside it too."""
    inner = helper.make_graph(
        [helper.make_node("Sum", ["i", "w", "made", "outside"], ["y"])], "inner", [], [_value("y")]
    )
    make = helper.make_node("Relu", ["i"], ["made"])
    body = helper.make_graph(
        [make, helper.make_node("If", ["i"], ["o"], then_branch=inner)], "body", [_value("i")], [_value("o")]
    )
    body.initializer.append(_tensor("w"))
    loop = helper.make_node("Loop", ["n", "", "x"], ["r"], name="loop", body=body)
    assert captured_names(loop) == {"outside"}
    assert [graph.name for graph in subgraphs(loop)] == ["body"]


def test_names_inside_are_all_that_a_new_name_must_avoid() -> None:
    """Names of tensors and of nodes, of inner graphs too, and no empty one."""
    main = _everything().graph
    inside = names_inside(main)
    assert {"x", "a", "weight", "thin_weight", "single", "deepest", "z", "inside_weight", "second_out"} <= inside
    assert "" not in inside


def test_an_initializer_among_the_inputs_is_not_fed() -> None:
    """Before IR 4 weights were listed as inputs; they come with the file all the same."""
    graph = helper.make_graph([], "g", [_value("x"), _value("w")], [_value("x")], [_tensor("w")])
    assert [value.name for value in fed_inputs(graph)] == ["x"]


def test_training_information_is_walked_too() -> None:
    """A tensor there can be kept in another file like any other."""
    proto = _everything()
    proto.training_info.add().algorithm.initializer.append(_tensor("step"))
    assert [name for name, tensor in all_tensors(proto) if tensor.name == "step"] == ["step"]
    assert len(list(all_graphs(proto))) == 7


@pytest.mark.parametrize(
    ("imports", "version"),
    [
        ([("", 17)], 17),
        ([("ai.onnx", 18)], 18),
        ([("", 12), ("ai.onnx", 14)], 14),
        ([("", 17), ("ai.onnx.ml", 30)], 17),
        ([("ai.onnx.ml", 3)], 0),
    ],
)
def test_the_default_operator_set_is_onnxs_own(imports: list[tuple[str, int]], version: int) -> None:
    """Under either of its names; versions of other domains are not its."""
    graph = helper.make_graph([], "g", [], [])
    opsets = [helper.make_opsetid(domain, number) for domain, number in imports]
    assert default_opset(helper.make_model(graph, opset_imports=opsets)) == version


@pytest.mark.parametrize(
    ("attributes", "kind", "shape"),
    [
        ({"value_float": 1.5}, "float32", ()),
        ({"value_floats": [1.5, 2.0]}, "float32", (2,)),
        ({"value_int": 2**40}, "int64", ()),
        ({"value_ints": [2**40, -1]}, "int64", (2,)),
        ({"value": numpy_helper.from_array(np.ones((2, 1), np.int8))}, "int8", (2, 1)),
    ],
)
def test_a_constant_node_holds_numbers_of_the_type_that_onnx_says(
    attributes: dict[str, Any], kind: str, shape: tuple[int, ...]
) -> None:
    """Whole numbers have 64 bits, others 32 (Constant, opset 13); text and other domains' nodes hold none."""
    found = constant_value(helper.make_node("Constant", [], ["k"], **attributes))
    assert found is not None
    array = numpy_helper.to_array(found)
    assert (str(array.dtype), array.shape) == (kind, shape)
    (given,) = attributes.values()
    np.testing.assert_array_equal(array, 1 if isinstance(given, TensorProto) else given)
    assert constant_value(helper.make_node("Constant", [], ["k"], domain="mine", **attributes)) is None
    assert constant_value(helper.make_node("Constant", [], ["k"], value_string="text")) is None
