"""Going through everything in a model file: graphs inside graphs, function bodies, tensors in attributes."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

__all__ = ["all_graphs", "all_nodes", "all_tensors", "default_opset", "subgraphs"]

DEFAULT_DOMAINS = ("", "ai.onnx")


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes (branches and loop bodies)."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(proto: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph first, then every graph inside it and inside functions."""
    waiting = [sub for function in proto.functions for node in function.node for sub in subgraphs(node)]
    waiting.append(proto.graph)
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting.extend(sub for node in graph.node for sub in subgraphs(node))


def all_nodes(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node: of the graph, of graphs inside it, and of functions."""
    waiting = [node for function in proto.functions for node in function.node]
    waiting.extend(proto.graph.node)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(inner for sub in subgraphs(node) for inner in sub.node)


def all_tensors(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every constant with a name for people: initializers, and tensors in attributes."""
    for graph in all_graphs(proto):
        for tensor in graph.initializer:
            yield tensor.name, tensor
    for node in all_nodes(proto):
        yield from _attribute_tensors(node)


def _attribute_tensors(node: onnx.NodeProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    name = node.output[0] if node.op_type == "Constant" and node.output else node.name or node.op_type
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield name, attribute.t
        for tensor in attribute.tensors:
            yield name, tensor


def default_opset(proto: onnx.ModelProto) -> int:
    """Version of the default operator set that the file imports; 0 if it names none."""
    return max((entry.version for entry in proto.opset_import if entry.domain in DEFAULT_DOMAINS), default=0)
