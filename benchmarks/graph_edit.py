"""A QDQ graph in which one layer is to be changed, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["Edit", "layer_of"]


class Edit:
    """A graph, and the layer that is to go wrong.

    Args:
        model: changed in place.
        layer: name of a Conv between quantizers.
    """

    def __init__(self, model: onnx.ModelProto, layer: str) -> None:
        self.graph, self.layer = model.graph, layer

    @property
    def node(self) -> onnx.NodeProto:
        """The layer."""
        return self.called(self.layer)

    def called(self, name: str) -> onnx.NodeProto:
        """The node of that name; nodes move when others are put in front of them, so they are looked up anew."""
        found: onnx.NodeProto = next(node for node in self.graph.node if node.name == name)
        return found

    def maker(self, name: str) -> onnx.NodeProto | None:
        """The node that makes ``name``."""
        return next((node for node in self.graph.node if name in node.output), None)

    def value(self, name: str) -> Any:
        """A constant's values."""
        return numpy_helper.to_array(next(item for item in self.graph.initializer if item.name == name))

    def put(self, node: onnx.NodeProto, place: int, value: Any) -> None:
        """Gives ``node`` a constant of its own at an input."""
        name = f"fault/{len(self.graph.initializer)}"
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        node.input[place] = name

    def change(self, node: onnx.NodeProto, place: int, change: Callable[[Any], Any]) -> None:
        """Changes a constant of ``node`` alone."""
        before = self.value(node.input[place])
        self.put(node, place, np.asarray(change(before.copy()), before.dtype))

    @property
    def weight(self) -> onnx.NodeProto:
        """The DequantizeLinear of the layer's weight: codes, scales, zero points."""
        found = self.maker(self.node.input[1])
        assert found is not None
        return found

    @property
    def bias(self) -> onnx.NodeProto | None:
        """That of its bias."""
        return self.maker(self.node.input[2]) if len(self.node.input) > 2 else None

    def quantizer(self) -> onnx.NodeProto:
        """The QuantizeLinear behind the layer."""
        made = self.node.output[0]
        found: onnx.NodeProto = next(n for n in self.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == made)
        return found

    def own_input(self) -> onnx.NodeProto:
        """The DequantizeLinear in front of the layer, a copy that nobody else reads."""
        source = self.maker(self.node.input[0])
        assert source is not None
        copy = onnx.NodeProto()
        copy.CopyFrom(source)
        copy.name, copy.output[0] = "fault/input", "fault/input"
        self.insert(self.node, copy)
        self.node.input[0] = "fault/input"
        return self.called("fault/input")

    def insert(self, before: onnx.NodeProto, *nodes: onnx.NodeProto) -> None:
        """Puts nodes in front of another."""
        place = list(self.graph.node).index(before)
        for node in reversed(nodes):
            self.graph.node.insert(place, node)

    def behind(self, op: str, other: Any) -> None:
        """Puts ``op(y, other)`` between the layer and its QuantizeLinear."""
        source, name = self.quantizer().input[0], self.quantizer().name
        self.insert(self.quantizer(), helper.make_node(op, [source, "?"], ["fault/behind"], "fault/behind"))
        self.put(self.called("fault/behind"), 1, other)
        self.called(name).input[0] = "fault/behind"


def layer_of(model: onnx.ModelProto) -> str:
    """The Conv in the middle of those with a bias, more than one kernel position, and a QuantizeLinear behind."""
    found: list[str] = []
    for node in model.graph.node:
        if node.op_type == "Conv" and any(
            n.op_type == "QuantizeLinear" and n.input[0] == node.output[0] for n in model.graph.node
        ):
            shape = next(a.ints for a in node.attribute if a.name == "kernel_shape")
            if min(shape) > 1 and len(node.input) > 2:
                found.append(node.name)
    return found[len(found) // 2]
