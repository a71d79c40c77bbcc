"""The quantized graph up to what one layer makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import reads_of
from qexplorer.quantize.emit.graph import Emitter
from qexplorer.quantize.plan_types import Plan

if TYPE_CHECKING:
    import onnx

__all__ = ["emit_up_to"]


def emit_up_to(model: Model, recipe: Recipe, plan: Plan, tensor: str) -> onnx.ModelProto:
    """The quantized graph with one output: ``tensor`` before it is rounded to a grid of its own, if it has one.

    Args:
        model: the float model.
        recipe: what the plan was made from.
        plan: treatments and grids.
        tensor: an output of one of the model's layers.
    """
    emitter = Emitter(model, plan)
    emitter.run()
    proto = emitter.finish(recipe)
    _cut(proto, emitter.unrounded.get(tensor, tensor))
    _part_constants(proto)
    return proto


def _cut(proto: onnx.ModelProto, output: str) -> None:
    """Leaves in ``proto`` what ``output`` needs, and makes it the only output; inputs stay as they are."""
    import onnx

    graph = proto.graph
    needed, kept = {output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(reads_of(node))
            kept.append(node)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    constants = [item for item in graph.initializer if item.name in needed]
    del graph.node[:], graph.initializer[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.output.append(onnx.ValueInfoProto(name=output))


def _part_constants(proto: onnx.ModelProto) -> None:
    """Gives every integer kernel its own weight and zero point.

    With ``session.x64quantprecision``, which keeps sums exact on processors without VNNI, ONNX Runtime 1.31 turns the
    int8 weight of each MatMulInteger into uint8, and fails where two of them share a constant.
    """
    constants = {item.name: item for item in proto.graph.initializer}
    taken: set[str] = set()
    for node in proto.graph.node:
        for position in (1, 3) if node.op_type in ("MatMulInteger", "ConvInteger") else ():
            name = node.input[position]
            if name in taken:
                copy = proto.graph.initializer.add()
                copy.CopyFrom(constants[name])
                copy.name = node.input[position] = f"{node.name}/{position}"
            taken.add(name)
