"""An ONNX graph as a list of nodes and constants that can be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import Array
from qexplorer.graph.constant_nodes import constant_value
from qexplorer.graph.index import made_at, read_at, reads_of

if TYPE_CHECKING:
    import onnx

__all__ = ["DOMAIN", "GraphEdit"]

DOMAIN = "qexplorer.litert"
"""Domain of the nodes that stand for LiteRT's own quantized tensors (see ``nodes.py``)."""

_NARROW = {
    TensorProto.INT4: np.int8,
    TensorProto.INT2: np.int8,
    TensorProto.UINT4: np.uint8,
    TensorProto.UINT2: np.uint8,
}


class GraphEdit:
    """A graph under change.

    Args:
        model: copied, not changed.

    Attributes:
        nodes: in execution order.
        constants: initializers and the values of Constant nodes, by name.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnx

        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        graph = self._model.graph
        self.constants = {item.name: item for item in graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            value = constant_value(node)
            if value is not None:
                self.constants[node.output[0]] = value
            else:
                self.nodes.append(node)
        self.outputs = [item.name for item in graph.output]

    def array(self, name: str) -> Array | None:
        """The value of a constant, None if ``name`` is none. Narrow integers come as int8 or uint8."""
        item = self.constants.get(name)
        if item is None:
            return None
        found: Array = numpy_helper.to_array(item)
        narrow = _NARROW.get(item.data_type)
        return found if narrow is None else found.astype(narrow)

    def constant(self, name: str, values: Array) -> str:
        """Adds a constant, or puts it in the place of the one with that name."""
        self.constants[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def makers(self) -> dict[str, onnx.NodeProto]:
        """Tensor -> the node that makes it."""
        return {name: self.nodes[place] for name, place in made_at(self.nodes).items()}

    def readers(self) -> dict[str, list[onnx.NodeProto]]:
        """Tensor -> the nodes that read it."""
        return {name: [self.nodes[place] for place in places] for name, places in read_at(self.nodes).items()}

    def replace(self, old: onnx.NodeProto, *new: onnx.NodeProto) -> None:
        """Puts nodes in the place of one."""
        at = next(index for index, node in enumerate(self.nodes) if node is old)
        self.nodes[at : at + 1] = new

    def add_after(self, node: onnx.NodeProto, new: onnx.NodeProto) -> None:
        """Puts a node behind another."""
        at = next(index for index, each in enumerate(self.nodes) if each is node)
        self.nodes.insert(at + 1, new)

    def part_before(self, node: onnx.NodeProto, place: int = 0) -> None:
        """Keeps the codes of one input of a node apart from what it computes."""
        apart = f"{node.output[0]}//apart_{place}"
        self.replace(node, self.node("Apart", [node.input[place]], apart), node)
        node.input[place] = apart

    def part_behind(self, node: onnx.NodeProto) -> None:
        """Keeps what a node gives apart from the codes that it is rounded to."""
        output, node.output[0] = node.output[0], f"{node.output[0]}//joined"
        self.add_after(node, self.node("Apart", [node.output[0]], output))

    def finish(self) -> onnx.ModelProto:
        """The changed model, without nodes and constants that nobody reads."""
        needed, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(reads_of(node))
        graph = self._model.graph
        del graph.node[:], graph.initializer[:], graph.value_info[:], graph.output[:]
        graph.node.extend(reversed(kept))
        graph.initializer.extend(item for name, item in self.constants.items() if name in needed)
        for item, name in zip(list(graph.initializer), [n for n in self.constants if n in needed], strict=True):
            item.name = name
        graph.output.extend(helper.make_empty_tensor_value_info(name) for name in self.outputs)
        if not any(item.domain == DOMAIN for item in self._model.opset_import):
            self._model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        return self._model

    @staticmethod
    def node(op: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
        """A node of this backend's own domain."""
        return helper.make_node(op, inputs, [output], name=output, domain=DOMAIN, **attributes)
