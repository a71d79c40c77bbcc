"""Changes of a float graph: other values for constants, and nodes put in front of some readers of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.graph.index import label_of, reads_of
from qexplorer.graph.walk import names_inside

if TYPE_CHECKING:
    import onnx

__all__ = ["GraphEdits"]


class GraphEdits:
    """Edits one graph in place. A constant that others read too stays theirs, and the node gets a copy.

    Args:
        proto: the graph.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.proto = proto
        self.nodes = {label_of(node): node for node in proto.graph.node}
        self._stored = {item.name: item for item in proto.graph.initializer}
        self._taken = {*names_inside(proto.graph), *self._stored}
        self._before: dict[str, list[onnx.NodeProto]] = {}
        self._behind: dict[str, list[onnx.NodeProto]] = {}

    def value(self, layer: str, position: int) -> NDArray[np.float32]:
        """The values of a constant input as they are now."""
        from onnx import numpy_helper

        return np.asarray(numpy_helper.to_array(self._stored[self.nodes[layer].input[position]]))

    def put(self, layer: str, position: int, values: NDArray[np.floating]) -> None:
        """Gives a constant input other values."""
        from onnx import numpy_helper

        node = self.nodes[layer]
        name, array = node.input[position], np.ascontiguousarray(values, np.float32)
        readers = [(label_of(each), name) for each in self.proto.graph.node for read in reads_of(each) if read == name]
        alone = len(readers) == 1 and list(node.input).count(name) == 1
        same = tuple(self._stored[name].dims) == array.shape  # else what is declared of it elsewhere would be wrong
        if alone and same and not any(value.name == name for value in self.proto.graph.output):
            self._stored[name].CopyFrom(numpy_helper.from_array(array, name))
        else:
            node.input[position] = self.constant(array, f"{layer}/input_{position}")

    def add_input(self, layer: str, position: int, values: NDArray[np.float32]) -> None:
        """Gives a node an input that it did not have."""
        node = self.nodes[layer]
        node.input.extend([""] * (position + 1 - len(node.input)))
        node.input[position] = self.constant(values, f"{layer}/input_{position}")

    def constant(self, values: NDArray[Any], name: str) -> str:
        """A new constant; its name."""
        from onnx import numpy_helper

        free = self._fresh(name)
        self.proto.graph.initializer.append(numpy_helper.from_array(values, free))
        self._stored[free] = self.proto.graph.initializer[-1]
        return free

    def node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> onnx.NodeProto:
        """A new node with one output, which has its name; it stands nowhere yet."""
        from onnx import helper

        label = self._fresh(name)
        made: onnx.NodeProto = helper.make_node(op, list(inputs), [self._fresh(f"{label}_out")], label, **attributes)
        self.nodes[label] = made
        return made

    def insert(self, tensor: str, readers: Sequence[str], made: Sequence[onnx.NodeProto]) -> None:
        """Puts the chain ``made``, which ends in what ``readers`` are to read in the place of ``tensor``, before them.

        Args:
            tensor: what they read as their first input.
            readers: labels of nodes.
            made: nodes in order.
        """
        first = min(readers, key=list(self.nodes).index)
        self._before.setdefault(first, []).extend(made)
        for label in readers:
            node = self.nodes[label]
            assert node.input[0] == tensor, "a reader reads it first"
            node.input[0] = made[-1].output[0]

    def append(self, layer: str, made: Sequence[onnx.NodeProto]) -> None:
        """Puts nodes behind the node ``layer``."""
        self._behind.setdefault(layer, []).extend(made)

    def finish(self) -> None:
        """Writes the nodes in their order, without constants that nobody reads any more, and what shapes follow."""
        from qexplorer.load.shapes import add_shapes

        graph = self.proto.graph
        order = []
        for node in list(graph.node):
            label = label_of(node)
            order += [*self._before.get(label, ()), self.nodes[label], *self._behind.get(label, ())]
        import onnx

        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in order]
        del graph.node[:]
        graph.node.extend(copies)
        read = {name for node in copies for name in reads_of(node)} | {value.name for value in graph.output}
        read |= {value.name for value in graph.input}
        for item in [item for item in graph.initializer if item.name not in read]:
            graph.initializer.remove(item)
        add_shapes(self.proto)

    def _fresh(self, base: str) -> str:
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
