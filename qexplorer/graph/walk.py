"""Going through everything in a model file: graphs inside graphs, function bodies, tensors in attributes.

Works on protobuf messages that nobody has checked yet: nothing is copied, expanded or opened, and no walk goes deeper
than the message itself does. Training information is not looked at; loading drops it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = [
    "DEFAULT_DOMAINS",
    "all_graphs",
    "all_nodes",
    "all_tensors",
    "captured_names",
    "default_opset",
    "fed_inputs",
    "names_inside",
    "subgraphs",
]

DEFAULT_DOMAINS = ("", "ai.onnx")
"""Two names of the operator set that ONNX itself defines."""


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes (branches and loop bodies), single ones and lists."""
    return _attribute_graphs(node.attribute)


def _attribute_graphs(attributes: Iterable[onnx.AttributeProto]) -> Iterator[onnx.GraphProto]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(proto: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph first, then every graph inside it and inside functions, their default attributes included."""
    waiting = [sub for function in proto.functions for node in function.node for sub in subgraphs(node)]
    waiting.extend(sub for function in proto.functions for sub in _attribute_graphs(function.attribute_proto))
    waiting.append(proto.graph)
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting.extend(sub for node in graph.node for sub in subgraphs(node))


def all_nodes(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node: of the graph, of graphs inside it, and of functions."""
    yield from (node for function in proto.functions for node in function.node)
    yield from (node for graph in all_graphs(proto) for node in graph.node)


def all_tensors(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every constant with a name for people: initializers, and tensors in attributes; of sparse ones both parts."""
    for graph in all_graphs(proto):
        yield from ((tensor.name, tensor) for tensor in graph.initializer)
        for sparse in graph.sparse_initializer:
            yield from _parts(sparse.values.name, sparse)
    for node in all_nodes(proto):
        name = node.output[0] if node.op_type == "Constant" and node.output else node.name or node.op_type
        yield from _attribute_tensors(name, node.attribute)
    for function in proto.functions:
        yield from _attribute_tensors(function.name, function.attribute_proto)


def _attribute_tensors(name: str, attributes: Iterable[onnx.AttributeProto]) -> Iterator[tuple[str, onnx.TensorProto]]:
    for attribute in attributes:
        if attribute.HasField("t"):
            yield name, attribute.t
        yield from ((name, tensor) for tensor in attribute.tensors)
        if attribute.HasField("sparse_tensor"):
            yield from _parts(name, attribute.sparse_tensor)
        for sparse in attribute.sparse_tensors:
            yield from _parts(name, sparse)


def _parts(name: str, sparse: onnx.SparseTensorProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    yield from ((name, part) for part in (sparse.values, sparse.indices))


def captured_names(node: onnx.NodeProto) -> set[str]:
    """Tensors that the graphs inside ``node`` read from outside it, at any depth, their outputs included."""
    return {name for graph in subgraphs(node) for name in _free_names(graph)}


def _free_names(graph: onnx.GraphProto) -> set[str]:
    """Names that a graph reads and does not define. (A name is defined once in all the scopes that see it: ONNX IR.)"""
    read = {output.name for output in graph.output}
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    own |= {sparse.values.name for sparse in graph.sparse_initializer}
    for node in graph.node:
        read |= {*node.input, *captured_names(node)}
        own |= set(node.output)
    return read - own - {""}


def names_inside(graph: onnx.GraphProto) -> set[str]:
    """Every name of a tensor or a node in ``graph`` and in the graphs inside it."""
    found = {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    found |= {sparse.values.name for sparse in graph.sparse_initializer}
    for node in graph.node:
        found |= {node.name, *node.input, *node.output}
        for inner in subgraphs(node):
            found |= names_inside(inner)
    return found - {""}


def fed_inputs(graph: onnx.GraphProto) -> tuple[onnx.ValueInfoProto, ...]:
    """The inputs that a caller feeds: before IR 4 every initializer was listed among the inputs as well."""
    stored = {tensor.name for tensor in graph.initializer}
    return tuple(value for value in graph.input if value.name not in stored)


def default_opset(proto: onnx.ModelProto) -> int:
    """Version of the default operator set that the file imports; 0 if it names none."""
    return max((entry.version for entry in proto.opset_import if entry.domain in DEFAULT_DOMAINS), default=0)
