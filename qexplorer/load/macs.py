"""Multiply-accumulates of a node for one sample, from inferred shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx

from qexplorer.load.shapes import inferred

__all__ = ["Shape", "layer_macs", "shapes_for_one_sample"]

Shape = tuple[int | None, ...]


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
    """Multiply-accumulates of Conv, ConvTranspose, Gemm and MatMul, 0 for any other operator.

    Args:
        node: the node.
        shapes: shape of each tensor.
        batch: batch size that the shapes hold; the result is for one sample of it.

    Returns:
        The count, or None where a shape is unknown.
    """
    if node.domain or node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    first, weight, output = (shapes.get(name, (None,)) for name in (node.input[0], node.input[1], node.output[0]))
    known = [_product(shape) for shape in (first, weight, output)]
    x, w, y = known
    if x is None or w is None or y is None:
        return None
    if node.op_type == "Conv":
        total = y * (w // weight[0] if weight[0] else 0)
    elif node.op_type == "ConvTranspose":
        total = x * (w // weight[0] if weight[0] else 0)
    elif node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        total = y * (first[0 if transposed else 1] or 0)
    else:
        total = y * (first[-1] or 0)
    return total // batch if total % batch == 0 else total


def _product(shape: Shape) -> int | None:
    return None if any(d is None for d in shape) else math.prod(d for d in shape if d is not None)
