"""A QDQ graph as TensorRT takes it: explicit quantization has symmetric int8 grids, and biases are floats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.errors import BackendError
from qexplorer.graph.index import GraphIndex

if TYPE_CHECKING:
    import onnx

__all__ = ["QUANTIZERS", "for_tensorrt", "read_graph"]

QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def read_graph(path: Path) -> onnx.ModelProto:
    """The model at ``path``. Raises BackendError if it is missing or no model."""
    import onnx

    if not path.is_file():
        raise BackendError("there is no such file", where=path.name)
    try:
        model = onnx.load(str(path))
    except Exception:  # protobuf, onnx and file errors have nothing in common
        model = None
    if model is None or not model.graph.output:
        raise BackendError("it is not an ONNX model", where=path.name)
    return model


def for_tensorrt(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """``model`` with constants that TensorRT does not dequantize as the floats that they stand for.

    It takes 8 and 4 bits only, and scales above zero: biases of 32 bits and weights with scales of either sign have the
    same values either way.

    Raises:
        BackendError: a grid is not symmetric, or unsigned: TensorRT has no zero points.
    """
    from onnx import TensorProto

    index = GraphIndex(model)
    stored = index.initializers
    for node in index.order:
        if node.op_type in QUANTIZERS:
            zero = stored.get(node.input[2]) if len(node.input) > 2 else None
            if zero is not None and _has_zero_point(zero):
                what = f"TensorRT takes signed codes with zero point 0 only, and '{node.name}' has others"
                raise BackendError(what, where=where, do="use a recipe with -sym, such as w8a8-sym")
    folded = {
        node.output[0]: _dequantized(node, stored)
        for node in index.order
        if node.op_type == "DequantizeLinear"
        and node.input[0] in stored
        and (stored[node.input[0]].data_type == TensorProto.INT32 or _below_zero(stored.get(node.input[1])))
    }
    kept = [node for node in index.order if not (node.output and node.output[0] in folded)]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(folded.values())
    return model


def _has_zero_point(zero: onnx.TensorProto) -> bool:
    from onnx import TensorProto, numpy_helper

    unsigned = zero.data_type in (TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT4)
    return unsigned or bool(np.any(numpy_helper.to_array(zero).astype(np.int32)))


def _below_zero(scale: onnx.TensorProto | None) -> bool:
    from onnx import numpy_helper

    return scale is not None and bool((numpy_helper.to_array(scale) < 0).any())


def _dequantized(node: onnx.NodeProto, stored: dict[str, onnx.TensorProto]) -> onnx.TensorProto:
    """Codes times scale, along the node's axis. (ONNX DequantizeLinear, opset 21; zero points are 0.)"""
    from onnx import numpy_helper

    codes, scale = (numpy_helper.to_array(stored[name]) for name in node.input[:2])
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    axis, block = settings.get("axis", 1), settings.get("block_size", 0)
    if block:
        scale = np.take(np.repeat(scale, block, axis), range(codes.shape[axis]), axis)
    elif scale.ndim == 1 and codes.ndim:
        shape = [1] * codes.ndim
        shape[axis if codes.ndim > 1 else 0] = -1
        scale = scale.reshape(shape)
    values = codes.astype(np.float32) * scale
    return numpy_helper.from_array(values.astype(scale.dtype), node.output[0])
