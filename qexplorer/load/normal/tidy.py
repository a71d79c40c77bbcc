"""The graph without what stands in the way: functions inlined, weights out of the inputs, constants as initializers.

Works on protobuf messages and changes no value that the model computes. Each function changes the message it is given
or returns a new one, and says which.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnx.inliner
from onnx import numpy_helper

from qexplorer.core.errors import ModelError
from qexplorer.graph.constant_nodes import constant_value, is_constant_node
from qexplorer.graph.walk import DEFAULT_DOMAINS, all_graphs, all_nodes

__all__ = ["name_everything", "tidied"]

_MAX_DENSE = 2**22  # values of a sparse constant that is written out
_FIRST_IR_WITH_PURE_WEIGHTS = 4  # the version converter takes weights for undefined inputs in older files


def tidied(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with functions inlined, weights taken out of the inputs and Constant nodes turned into initializers.

    Precondition: the model passed ``check_expansion``; inlining a bomb would not end.

    Raises:
        ModelError: functions of operator sets that cannot be brought together.
    """
    if proto.functions:
        fresh = _inlined(proto)
    else:
        fresh = onnx.ModelProto()
        fresh.CopyFrom(proto)
    _default_domain(fresh)
    _weights_out_of_inputs(fresh)
    _constants_to_initializers(fresh.graph)
    return fresh


def _inlined(proto: onnx.ModelProto) -> onnx.ModelProto:
    try:
        found: onnx.ModelProto = onnx.inliner.inline_local_functions(proto, convert_version=True)
    except RuntimeError as error:  # what the converter of C++ asserts
        reason = " ".join(str(error).split())[-100:]
        what = f"the functions of the model cannot be put in their places ({reason})"
        raise ModelError(what, do="export it again") from None
    return found


def _default_domain(proto: onnx.ModelProto) -> None:
    """``ai.onnx`` is another name of the default domain ``""``; one name is enough."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    merged = {d: v for d, v in versions.items() if d not in DEFAULT_DOMAINS}
    merged[""] = max(versions.get(d, 0) for d in DEFAULT_DOMAINS)
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(d, v) for d, v in sorted(merged.items()))
    for node in all_nodes(proto):
        if node.domain in DEFAULT_DOMAINS:
            node.domain = ""


def _weights_out_of_inputs(proto: onnx.ModelProto) -> None:
    """Before IR 4 every weight had to be listed as an input as well, which keeps tools from treating it as constant."""
    proto.ir_version = max(proto.ir_version, _FIRST_IR_WITH_PURE_WEIGHTS)
    graph = proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name not in weights]
    if len(kept) != len(graph.input):
        del graph.input[:]
        graph.input.extend(kept)


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    """Constant nodes of the main graph become initializers; one that is itself an output stays."""
    outputs = {value.name for value in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        value = constant_value(node) or _densified(node)
        if value is None or node.output[0] in outputs:
            kept.append(node)
        else:
            graph.initializer.append(value)
            graph.initializer[-1].name = node.output[0]
    if len(kept) != len(graph.node):
        fresh = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(fresh)


def _densified(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """The numbers of a Constant with a sparse tensor, zeros included, which the version converter does not take; None
    for other nodes, and where that would be much larger than the file. (ONNX SparseTensorProto: one index a value, or
    one a value and axis.)"""
    sparse = next((a.sparse_tensor for a in node.attribute if a.name == "sparse_value"), None)
    if sparse is None or not is_constant_node(node) or math.prod(sparse.dims) > _MAX_DENSE:
        return None
    values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    found = np.zeros(tuple(sparse.dims), values.dtype)
    if places.ndim == 1:
        found.reshape(-1)[places] = values
    else:
        found[tuple(places.T)] = values
    return numpy_helper.from_array(found)


def name_everything(proto: onnx.ModelProto) -> tuple[str, ...]:
    """Gives every node of the graph and of graphs inside it a name that no other node has, in place.

    Returns:
        The names that several nodes had; the first node of each keeps it.
    """
    shared: dict[str, None] = {}
    taken = {node.name for graph in all_graphs(proto) for node in graph.node if node.name}
    seen: set[str] = set()
    counts: dict[str, int] = {}
    for graph in all_graphs(proto):
        for node in graph.node:
            if not node.name or node.name in seen:
                shared |= {node.name: None} if node.name else {}
                node.name = _free_name(node.op_type, taken, counts)
            seen.add(node.name)
    return tuple(shared)


def _free_name(op: str, taken: set[str], counts: dict[str, int]) -> str:
    while True:
        name = f"{op}_{counts.get(op, 0)}"
        counts[op] = counts.get(op, 0) + 1
        if name not in taken:
            taken.add(name)
            return name
