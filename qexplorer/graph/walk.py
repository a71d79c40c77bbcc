"""Going through everything in a model file: graphs inside graphs, function bodies, tensors in attributes.

Works on protobuf messages that nobody has checked yet: nothing is copied, expanded or opened, and no walk goes deeper
than the message itself does. Where graphs, nodes and tensors can stand is read from the format's own description, so
that no place can be forgotten, those of a later ONNX included.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

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
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(proto: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph first, then every other: inside graphs and functions, in defaults of functions, for training."""
    return (graph for _, graph in _walk(proto, "", "GraphProto"))


def all_nodes(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node: of the graph, of graphs inside it, and of functions."""
    return (node for _, node in _walk(proto, "", "NodeProto"))


def all_tensors(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every constant with a name for people: initializers, and tensors in attributes; of sparse ones both parts."""
    return _walk(proto, "", "TensorProto")


def _walk(message: Any, name: str, wanted: str) -> Iterator[tuple[str, Any]]:
    """Every message of the type ``wanted`` inside ``message``, with what people call it; ``name`` is the holder's."""
    kind = message.DESCRIPTOR.name
    for field, several in _ways(kind, wanted):
        if not several and not message.HasField(field):
            continue
        value = getattr(message, field)
        for part in value if several else (value,):
            called = _called(part, name, listed=kind == "GraphProto")
            if part.DESCRIPTOR.name == wanted:
                yield called, part
            yield from _walk(part, called, wanted)


def _called(part: Any, holder: str, *, listed: bool) -> str:
    """What people call ``part``: a constant that a graph lists has a name of its own, others have their holder's."""
    kind = part.DESCRIPTOR.name
    if kind == "NodeProto":
        constant = part.op_type == "Constant" and part.output
        return str(part.output[0] if constant else part.name or part.op_type)
    if kind == "FunctionProto" or (listed and kind == "TensorProto"):
        return str(part.name)
    return str(part.values.name) if listed and kind == "SparseTensorProto" else holder


@cache
def _ways(kind: str, wanted: str) -> tuple[tuple[str, bool], ...]:
    """Fields of messages of the type ``kind`` behind which a ``wanted`` may stand, and whether each is a list."""
    import onnx

    described = dict(onnx.ModelProto.DESCRIPTOR.file.message_types_by_name)

    def leads(name: str, passed: frozenset[str]) -> bool:
        inner = {field.message_type.name for field in described[name].fields if field.message_type} & set(described)
        return wanted in (name, *inner) or any(leads(other, passed | {name}) for other in inner - passed)

    fields = [f for f in described[kind].fields if f.message_type] if kind in described else []
    ways = [f for f in fields if f.message_type.name in described and leads(f.message_type.name, frozenset((kind,)))]
    return tuple((f.name, f.default_value == []) for f in ways)


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
