"""A part of a graph as a model of its own, from some tensors to others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qexplorer.graph.index import GraphIndex, reads_of

if TYPE_CHECKING:
    import onnx

__all__ = ["part_of"]


def part_of(proto: onnx.ModelProto, view: GraphIndex, starts: Sequence[str], ends: Sequence[str]) -> onnx.ModelProto:
    """What makes ``ends`` of ``starts``, and of inputs of the graph where it reads those.

    Args:
        proto: the whole model; it is not changed.
        view: its index.
        starts: tensors that are given.
        ends: tensors that are wanted.

    Returns:
        A model whose inputs are ``starts``, those that it reads, and then inputs of the graph.
    """
    import onnx

    places, reached = set[int](), set(starts)
    open_names = [name for name in ends if name not in reached]
    while open_names:
        name = open_names.pop()
        reached.add(name)
        place = view.made_at.get(name)
        if place is not None and place not in places:
            places.add(place)
            open_names.extend(each for each in reads_of(view.order[place]) if each not in reached)
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    graph = found.graph
    del graph.node[:], graph.initializer[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(view.order[place] for place in sorted(places))
    read = {name for node in graph.node for name in reads_of(node)} | set(ends)
    graph.initializer.extend(item for name, item in view.initializers.items() if name in read)
    given = dict.fromkeys((*starts, *view.inputs))
    graph.input.extend(_info(name, view) for name in given if name in read)
    graph.output.extend(_info(name, view) for name in ends)
    return found


def _info(name: str, view: GraphIndex) -> onnx.ValueInfoProto:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, view.types.get(name, TensorProto.FLOAT), None)
