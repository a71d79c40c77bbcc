"""A part of a graph as a model of its own computes what the whole one does, from what it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.reconstruct.parts import part_of
from tests.quantize.graphs import Builder
from tests.quantize.support import run


def _whole() -> onnx.ModelProto:
    """Two branches that meet, a second input, and a branch of an If that reads from outside."""
    b = Builder(0)
    x, mask = b.input("x", ("n", 4)), b.input("mask", ("n", 4))
    a = b.node("Relu", b.node("MatMul", x, b.normal(4, 4), name="first"), name="a")
    left = b.node("MatMul", a, b.normal(4, 4, name="w_left"), name="left")
    right = b.node("Mul", b.node("MatMul", a, b.normal(4, 4, name="w_right"), name="right"), mask, name="masked")
    inner = [helper.make_tensor_value_info(name, 1, None) for name in ("then_out", "else_out")]
    then = helper.make_graph([helper.make_node("Neg", [left], ["then_out"])], "then", [], inner[:1])
    other = helper.make_graph([helper.make_node("Abs", [left], ["else_out"])], "else", [], inner[1:])
    chosen = b.node("If", b.constant(np.bool_(True)), then_branch=then, else_branch=other, name="choice")
    b.output(b.node("Add", chosen, right, name="sum"), 2)
    return b.model()


PARTS: dict[str, tuple[list[str], list[str], set[str], list[str]]] = {
    "all": ([], ["sum_out"], {"first", "a", "left", "right", "masked", "choice", "sum"}, ["x", "mask"]),
    "middle": (["a_out"], ["left_out"], {"left"}, ["a_out"]),
    "with an input": (["a_out"], ["masked_out"], {"right", "masked"}, ["a_out", "mask"]),
    "through a body": (["left_out"], ["choice_out"], {"choice"}, ["left_out"]),
    "two ends": (["a_out"], ["right_out", "left_out"], {"left", "right"}, ["a_out"]),
    "both branches": (
        ["a_out"], ["sum_out"], {"left", "right", "masked", "choice", "sum"}, ["a_out", "mask"],
    ),
    "what is given is wanted": (["a_out"], ["a_out", "left_out"], {"left"}, ["a_out"]),
    "one of two": (["left_out", "right_out"], ["masked_out"], {"masked"}, ["right_out", "mask"]),
}  # fmt: skip
"""Given, wanted -> nodes and inputs of the part."""


@pytest.mark.parametrize("case", PARTS)
def test_a_part_has_what_it_needs_and_computes_the_same(case: str) -> None:
    """Nodes behind what is given, the constants that they read, and the inputs: what is given first."""
    starts, ends, nodes, inputs = PARTS[case]
    proto = _whole()
    before = proto.SerializeToString(deterministic=True)
    part = part_of(proto, GraphIndex(proto), starts, ends)
    assert proto.SerializeToString(deterministic=True) == before
    assert {node.name for node in part.graph.node} == nodes
    assert [value.name for value in part.graph.input] == inputs
    assert [value.name for value in part.graph.output] == ends
    read = {name for node in part.graph.node for name in node.input}
    assert {item.name for item in part.graph.initializer} <= read
    random = np.random.default_rng(1)
    feeds: dict[str, Any] = {name: random.normal(size=(3, 4)).astype(np.float32) for name in ("x", "mask")}
    seen = onnx.ModelProto()
    seen.CopyFrom(proto)
    names = list(dict.fromkeys((*starts, *ends)))
    del seen.graph.output[:]
    seen.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    values = feeds | dict(zip(names, run(seen, feeds), strict=True))
    for found, name in zip(run(part, {name: values[name] for name in inputs}), ends, strict=True):
        np.testing.assert_allclose(found, values[name], rtol=1e-6)
