"""The float graph as the planner needs it: who makes a tensor, who reads it, what is constant, what is float32."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.grid import Float32
from qexplorer.core.model import Model, read_proto

if TYPE_CHECKING:
    import onnx

__all__ = ["GraphView", "attribute", "captured_names", "view_at", "view_of", "view_of_proto"]


@dataclass(frozen=True, slots=True, eq=False)
class GraphView:
    """Look-ups over one graph; built once per file, never changed.

    Attributes:
        nodes: the node of each layer, by layer name, in execution order.
        producer: name of the layer that makes a tensor.
        consumers: names of the layers that read a tensor, in execution order, once each.
        captured: tensors that the bodies of If, Loop and Scan read from outside.
        inputs: graph inputs.
        outputs: graph outputs.
        initializers: constants by name.
        types: ONNX element type of every tensor whose type is known.
        ranks: number of dimensions of every tensor whose shape is known.
        opset: version of the default operator set.
    """

    nodes: dict[str, onnx.NodeProto]
    producer: dict[str, str]
    consumers: dict[str, tuple[str, ...]]
    captured: frozenset[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    initializers: dict[str, onnx.TensorProto]
    types: dict[str, int]
    ranks: dict[str, int]
    opset: int

    def is_float(self, name: str) -> bool:
        """Whether ``name`` is known to be float32."""
        return self.types.get(name) == 1  # onnx.TensorProto.FLOAT

    def is_constant(self, name: str) -> bool:
        """Whether ``name`` is an initializer."""
        return name in self.initializers

    def array(self, name: str) -> Float32:
        """The values of a float32 initializer."""
        from onnx import numpy_helper

        return np.asarray(numpy_helper.to_array(self.initializers[name]), np.float32)

    def only_reader(self, name: str) -> str | None:
        """The one layer that reads ``name``, if nothing else does and it is no graph output."""
        readers = self.consumers.get(name, ())
        free = name not in self.captured and name not in self.outputs
        return readers[0] if len(readers) == 1 and free else None


def view_of(model: Model) -> GraphView:
    """The view of ``model``; kept for the last few files."""
    return view_at(str(model.path))


@lru_cache(maxsize=4)
def view_at(path: str) -> GraphView:
    """The view of the file at ``path``. Files of models are named by their digest, so that the path identifies it."""
    return view_of_proto(read_proto(path))


def view_of_proto(proto: onnx.ModelProto) -> GraphView:
    """The view of a graph in memory, which must not change as long as the view is used."""
    graph = proto.graph
    producer: dict[str, str] = {}
    consumers: dict[str, dict[str, None]] = defaultdict(dict)
    captured: set[str] = set()
    nodes: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
            continue
        nodes[node.name] = node
        producer |= dict.fromkeys(filter(None, node.output), node.name)
        for name in filter(None, node.input):
            consumers[name][node.name] = None
        captured |= captured_names(node)
    types, ranks = _types(proto)
    return GraphView(
        nodes,
        producer,
        {name: tuple(readers) for name, readers in consumers.items()},
        frozenset(captured),
        tuple(i.name for i in graph.input),
        tuple(o.name for o in graph.output),
        {i.name: i for i in graph.initializer},
        types,
        ranks,
        max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=1),
    )


def captured_names(node: onnx.NodeProto) -> set[str]:
    """Every name that the node's subgraphs read; those that they define themselves are harmless extras."""
    found: set[str] = set()
    for item in node.attribute:
        for graph in (*((item.g,) if item.HasField("g") else ()), *item.graphs):
            found |= {o.name for o in graph.output}
            for inner in graph.node:
                found |= set(filter(None, inner.input)) | captured_names(inner)
    return found


def attribute(node: onnx.NodeProto, name: str, default: float | int) -> float:
    """A numeric attribute of ``node``, or ``default``."""
    for item in node.attribute:
        if item.name == name:
            return item.f if item.type == item.FLOAT else float(item.i)
    return default


def _types(proto: onnx.ModelProto) -> tuple[dict[str, int], dict[str, int]]:
    """Element types and ranks; inferred again only where the file does not hold them."""
    types, ranks = _declared(proto.graph)
    outputs = {name for node in proto.graph.node for name in node.output if name}
    if not outputs <= types.keys():
        import onnx

        inferred = onnx.shape_inference.infer_shapes(proto)
        more_types, more_ranks = _declared(inferred.graph)
        types, ranks = more_types | types, more_ranks | ranks
    for item in proto.graph.initializer:
        types[item.name], ranks[item.name] = item.data_type, len(item.dims)
    return types, ranks


def _declared(graph: onnx.GraphProto) -> tuple[dict[str, int], dict[str, int]]:
    types: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        tensor = value.type.tensor_type
        if value.type.HasField("tensor_type"):
            types[value.name] = tensor.elem_type
            if tensor.HasField("shape"):
                ranks[value.name] = len(tensor.shape.dim)
    return types, ranks
