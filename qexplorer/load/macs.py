"""Multiply-accumulates of a node for one sample, from inferred shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx

from qexplorer.load.shapes import inferred

__all__ = ["Shape", "layer_macs", "shapes_for_one_sample"]

Shape = tuple[int | None, ...]
Sizes = tuple[int, ...]


def shapes_for_one_sample(proto: onnx.ModelProto) -> dict[str, Shape]:
    """Shape of every tensor with a free batch set to 1; None where a dimension stays unknown.

    A batch that the file fixes at more than 1 stays; :func:`layer_macs` divides by it.
    """
    single = inferred(proto, one_sample=True)
    found = {v.name: _shape(v) for v in (*single.graph.output, *single.graph.value_info, *single.graph.input)}
    return found | {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}


def _shape(value: onnx.ValueInfoProto) -> Shape:
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return (None,)
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)


def layer_macs(node: onnx.NodeProto, shapes: Mapping[str, Shape], batch: int = 1) -> int | None:
    """Multiply-accumulates of Conv, ConvTranspose, Gemm, MatMul and Attention, 0 for any other operator.

    Args:
        node: the node.
        shapes: shape of each tensor.
        batch: batch size that the shapes hold; the result is for one sample of it.

    Returns:
        The count, or None where a shape is unknown.
    """
    if node.domain or node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul", "Attention"):
        return 0

    def sizes(name: str) -> Sizes | None:
        return _sizes(shapes.get(name, (None,)))

    if node.op_type == "Attention":
        total = _attention(node, [sizes(name) for name in node.input[:3]])
    else:
        total = _products(node, sizes(node.input[0]), sizes(node.input[1]), sizes(node.output[0]))
    return total // batch if total is not None and total % batch == 0 else total


def _products(node: onnx.NodeProto, first: Sizes | None, weight: Sizes | None, output: Sizes | None) -> int | None:
    if first is None or weight is None or output is None:
        return None
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(first) * math.prod(weight[1:])
    turned = any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(output) * first[0 if turned else -1]


def _attention(node: onnx.NodeProto, shapes: list[Sizes | None]) -> int | None:
    """Scores and their products with the values (Attention 23): each query with each key, by the width of both."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) < 3 or any(node.input[4:6]):  # with a past, keys are more
        return None
    query, key, value = known
    heads = {a.name: int(a.i) for a in node.attribute}
    if len(query) == 4:
        return query[0] * query[1] * query[2] * key[2] * (query[3] + value[3])
    if len(query) != 3 or not heads.get("kv_num_heads"):
        return None
    values = heads.get("q_num_heads", 0) * value[2] // heads["kv_num_heads"]
    return query[0] * query[1] * key[1] * (query[2] + values)


def _sizes(shape: Shape) -> Sizes | None:
    known = tuple(d for d in shape if d is not None)
    return known if len(known) == len(shape) else None
