"""Random numbers are followed to the outputs that they reach."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.graph.draws import RandomReach, drawn
from qexplorer.graph.index import GraphIndex

_node = helper.make_node


def _value(name: str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [None, 3])


def _index(nodes: list[onnx.NodeProto], outputs: list[str]) -> GraphIndex:
    graph = helper.make_graph(nodes, "g", [_value("x")], [_value(name) for name in outputs])
    return GraphIndex(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]))


@pytest.mark.parametrize("op", ["RandomNormalLike", "RandomUniformLike", "Bernoulli"])
def test_only_outputs_behind_the_draw_are_named(op: str) -> None:
    """What is computed beside the draw stays the same in every call."""
    nodes = [_node(op, ["x"], ["r"], "noise"), _node("Add", ["x", "r"], ["y"]), _node("Relu", ["x"], ["z"])]
    assert drawn(_index(nodes, ["z", "y"])) == RandomReach("noise", op, ("y",))


def test_a_draw_that_no_output_needs_is_none() -> None:
    """Noise that nothing reads changes no answer."""
    nodes = [_node("RandomNormalLike", ["x"], ["r"]), _node("Relu", ["x"], ["z"])]
    assert drawn(_index(nodes, ["z"])) is None


def test_a_draw_inside_a_branch_counts() -> None:
    """An If that draws in one of its branches draws."""
    inside = helper.make_graph([_node("RandomNormalLike", ["x"], ["a"])], "then", [], [_value("a")])
    other = helper.make_graph([_node("Identity", ["x"], ["b"])], "else", [], [_value("b")])
    flag = _node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True]))
    nodes = [flag, _node("If", ["c"], ["y"], "choice", then_branch=inside, else_branch=other)]
    assert drawn(_index(nodes, ["y"])) == RandomReach("choice", "If", ("y",))


def test_an_operator_of_another_domain_does_not_draw_by_its_name() -> None:
    """What a name means is said by its domain."""
    assert drawn(_index([_node("Bernoulli", ["x"], ["y"], domain="mine")], ["y"])) is None


def test_of_two_draws_the_one_behind_the_first_output_is_told() -> None:
    """Outputs are told in the graph's order, with the node that the first of them has its numbers from."""
    nodes = [
        _node("RandomUniformLike", ["x"], ["r"], "early"),
        _node("Multinomial", ["x"], ["m"], "late", dtype=7),
        _node("Relu", ["r"], ["y"]),
        _node("Abs", ["m"], ["z"]),
    ]
    assert drawn(_index(nodes, ["z", "y"])) == RandomReach("late", "Multinomial", ("z", "y"))
