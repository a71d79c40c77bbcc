"""Functions and graphs that come to more than the file shows are counted before they are expanded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.inliner
import pytest
from onnx import TensorProto, helper

from qexplorer.graph.walk import all_nodes
from qexplorer.load.safety.bombs import check_expansion
from tests.load.model_graphs import model, value
from tests.load.safety.refusing import refused


def bomb(levels: int = 25) -> onnx.ModelProto:
    """Functions that each call the one below twice: 2**levels additions in a file of a few kilobytes."""
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    body = [helper.make_node("Add", ["x", "x"], ["y"])]
    functions = [helper.make_function("local", "f0", ["x"], ["y"], body, opset)]
    for level in range(1, levels + 1):
        call = f"f{level - 1}"
        body = [
            helper.make_node(call, ["x"], ["t"], domain="local"),
            helper.make_node(call, ["t"], ["y"], domain="local"),
        ]
        functions.append(helper.make_function("local", f"f{level}", ["x"], ["y"], body, opset))
    top = [helper.make_node(f"f{levels}", ["x"], ["y"], domain="local")]
    return model(top, {"x": [1, 4]}, ["y"], opsets=[helper.make_opsetid("local", 1)], functions=functions)


def test_function_bomb(tmp_path: Path) -> None:
    """2**25 additions hidden in nested functions are counted, not expanded."""
    assert f"{2**25:,} operators" in refused(bomb(), tmp_path)


def test_deep_function_bomb(tmp_path: Path) -> None:
    """Two to the power of a hundred and fifty is counted as well."""
    assert "10^45 operators" in refused(bomb(150), tmp_path)


def test_recursive_function(tmp_path: Path) -> None:
    """A function that calls itself is refused."""
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    body = [helper.make_node("f", ["x"], ["y"], domain="local")]
    functions = [helper.make_function("local", "f", ["x"], ["y"], body, opset)]
    top = [helper.make_node("f", ["x"], ["y"], domain="local")]
    proto = model(top, {"x": [1, 4]}, ["y"], opsets=[helper.make_opsetid("local", 1)], functions=functions)
    assert "calls itself" in refused(proto, tmp_path)


def attribute_bomb(levels: int) -> onnx.ModelProto:
    """Functions that each put the graph they are given into both branches of a graph that they hand on."""
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    choose = helper.make_node("If", ["c"], ["y"])
    for branch in ("then_branch", "else_branch"):
        choose.attribute.add(name=branch, ref_attr_name="body", type=onnx.AttributeProto.GRAPH)
    functions = [helper.make_function("local", "f0", ["c"], ["y"], [choose], opset, ["body"])]
    for level in range(1, levels + 1):
        inner = helper.make_node("If", ["c"], ["z"])
        for branch in ("then_branch", "else_branch"):
            inner.attribute.add(name=branch, ref_attr_name="body", type=onnx.AttributeProto.GRAPH)
        handed = helper.make_graph([inner], "handed", [], [value("z", None)])
        call = helper.make_node(f"f{level - 1}", ["c"], ["y"], domain="local", body=handed)
        functions.append(helper.make_function("local", f"f{level}", ["c"], ["y"], [call], opset, ["body"]))
    leaf = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "leaf", [], [value("z", [1, 4])])
    true = helper.make_node("Cast", ["k"], ["c"], to=TensorProto.BOOL)
    top = helper.make_node(f"f{levels}", ["c"], ["y"], domain="local", body=leaf)
    opsets = [helper.make_opsetid("local", 1)]
    weights = {"k": np.array(1, np.int64)}
    return model([true, top], {"x": [1, 4]}, ["y"], weights, opsets=opsets, functions=functions)


@pytest.mark.parametrize("levels", [0, 1, 4])
def test_graphs_in_attributes_are_counted_as_inlining_puts_them(
    levels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is counted is what onnx's own inliner makes."""
    proto = attribute_bomb(levels)
    operators = len(list(all_nodes(onnx.inliner.inline_local_functions(proto))))
    monkeypatch.setattr("qexplorer.load.safety.bombs.MAX_EXPANDED_NODES", operators - 1)
    assert f"comes to {operators} operators" in refused(proto, tmp_path)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_graph_that_is_handed_on_is_counted_where_it_arrives(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that gives what it was given to another one, once or several times; so many operators are let in."""
    proto = attribute_bomb(0)
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    inner = [helper.make_node("f0", ["c"], [f"y{i}"], domain="local") for i in range(calls)]
    for call in inner:
        call.attribute.add(name="body", ref_attr_name="body", type=onnx.AttributeProto.GRAPH)
    proto.functions.append(helper.make_function("local", "on", ["c"], ["y0"], inner, opset, ["body"]))
    proto.graph.node[1].op_type = "on"
    operators = len(list(all_nodes(onnx.inliner.inline_local_functions(proto))))
    monkeypatch.setattr("qexplorer.load.safety.bombs.MAX_EXPANDED_NODES", operators - 1)
    assert f"comes to {operators} operators" in refused(proto, tmp_path)
    monkeypatch.setattr("qexplorer.load.safety.bombs.MAX_EXPANDED_NODES", operators)
    check_expansion(proto, "m.onnx")


def test_bomb_of_graphs_in_attributes(tmp_path: Path) -> None:
    """A graph put 2**41 times in the place of an attribute is counted, not expanded."""
    assert "about 10^12 operators" in refused(attribute_bomb(40), tmp_path)


def test_bomb_of_default_attributes(tmp_path: Path) -> None:
    """Graphs that stand in for attributes that nobody gives are counted too, each once."""
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    functions = []
    for level in range(30):
        choose = helper.make_node("If", ["c"], ["y"])
        for branch in ("then_branch", "else_branch"):
            choose.attribute.add(name=branch, ref_attr_name="body", type=onnx.AttributeProto.GRAPH)
        function = helper.make_function("local", f"f{level}", ["c"], ["y"], [choose], opset)
        call = helper.make_node(f"f{level - 1}", ["c"], ["z"], domain="local")
        inner = call if level else helper.make_node("Constant", [], ["z"], value_float=1.0)
        function.attribute_proto.append(
            helper.make_attribute("body", helper.make_graph([inner], "b", [], [value("z", None)]))
        )
        functions.append(function)
    nodes = [helper.make_node("f29", ["x"], ["y"], domain="local")]
    proto = model(nodes, {"x": [1, 4]}, ["y"], opsets=[helper.make_opsetid("local", 1)], functions=functions)
    assert f"{2**30 + 2**30 - 1:,} operators" in refused(proto, tmp_path)


def test_functions_that_call_one_another_too_deep(tmp_path: Path) -> None:
    """So deep that counting them would end in Python's own limit: refused before, whatever they come to."""
    assert "call one another too deep; allowed: 200 levels" in refused(bomb(200), tmp_path)
    assert "operators" in refused(bomb(199), tmp_path)
