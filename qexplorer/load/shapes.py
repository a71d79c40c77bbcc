"""Shape inference that does not copy the weights around."""

from __future__ import annotations

import math

import onnx
import onnx.shape_inference

from qexplorer.graph.walk import DEFAULT_DOMAINS
from qexplorer.load.batch_axes import batch_names, declared_shape
from qexplorer.load.runtime_types import runtime_types, untyped

__all__ = ["add_shapes", "inferred", "without_weights"]

_SMALL_VALUES = 1024  # shapes, axes and indices, which inference looks into, are smaller


def inferred(proto: onnx.ModelProto, *, one_sample: bool = False) -> onnx.ModelProto:
    """The graph with inferred shapes and without the data of large weights, which stand among its inputs instead.

    Args:
        proto: any model; it is not changed.
        one_sample: whether free first dimensions of inputs are set to 1, and shapes in the file are forgotten.

    Returns:
        A model to read shapes from, not to run. Where inference gives up it holds what the file says.
    """
    bare = without_weights(proto, one_sample=one_sample)
    found = _attempt(bare)
    if any(node.domain not in DEFAULT_DOMAINS for node in proto.graph.node) and (names := untyped(found.graph)):
        told = runtime_types(bare, names)
        kept = [value for value in bare.graph.value_info if value.name not in {each.name for each in told}]
        del bare.graph.value_info[:]
        bare.graph.value_info.extend((*kept, *told))
        found = _attempt(bare)
    return found


def _attempt(bare: onnx.ModelProto) -> onnx.ModelProto:
    try:
        found: onnx.ModelProto = onnx.shape_inference.infer_shapes(bare, data_prop=True)
    except Exception:  # inference is optional: what stays unknown is said where it matters
        return bare
    for value in (*found.graph.value_info, *found.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value < 0:  # of a kernel that is larger than what it slides over
                dim.Clear()
    return found


def add_shapes(proto: onnx.ModelProto) -> None:
    """Writes inferred shapes and types of the main graph into ``proto``."""
    found = inferred(proto).graph
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(found.value_info)
    for mine, better in zip(proto.graph.output, found.output, strict=True):
        mine.CopyFrom(better)


def without_weights(proto: onnx.ModelProto, *, one_sample: bool = False) -> onnx.ModelProto:
    """A copy in which weights of more than some values stand among the inputs instead, so that it is small."""
    bare = onnx.ModelProto(ir_version=max(proto.ir_version, 4))  # weights that are no inputs exist since IR 4
    bare.opset_import.extend(proto.opset_import)
    bare.functions.extend(proto.functions)
    graph, source = bare.graph, proto.graph
    graph.name = source.name or "graph"
    graph.node.extend(source.node)
    graph.input.extend(source.input)
    graph.output.extend(source.output)
    given = {value.name: value for value in source.input}
    for value in graph.output:
        if value.name in given:  # inference would let an output that passes an input on go before the input
            value.type.CopyFrom(given[value.name].type)
    if one_sample:
        _one_sample(graph)
    else:
        graph.value_info.extend(source.value_info)
    listed = {value.name for value in source.input}
    for tensor in source.initializer:
        if math.prod(tensor.dims) <= _SMALL_VALUES:
            graph.initializer.append(tensor)
        elif tensor.name not in listed:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    return bare


def _one_sample(graph: onnx.GraphProto) -> None:
    batch = batch_names([declared_shape(value) for value in graph.input])
    for value in graph.input:
        for place, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value") and (place == 0 or dim.dim_param in batch):
                dim.dim_value = 1
    passed = {value.name: value for value in graph.input}
    for value in graph.output:
        if value.name in passed:
            value.type.CopyFrom(passed[value.name].type)
        else:
            value.type.tensor_type.ClearField("shape")
