"""Which constants are a model's parameters: numbers that were learned, not shapes, axes and indices."""

from __future__ import annotations

import onnx

__all__ = ["counts", "quantized_readers"]

_T = onnx.TensorProto
_STRUCTURE = (_T.INT64, _T.UINT64, _T.UINT32, _T.BOOL, _T.STRING)
_MAYBE = (_T.INT32, _T.INT16, _T.UINT16)


def counts(tensor: onnx.TensorProto, name: str, quantized: frozenset[str]) -> bool:
    """Whether the values of ``tensor`` are parameters.

    Floats and codes of 8 bits and less are. Longer integers are where a quantized operator reads them (a bias in
    int32); elsewhere they are the shape of a Reshape, axes, indices.

    Args:
        tensor: a constant.
        name: what it is called in the graph.
        quantized: what :func:`quantized_readers` found.
    """
    if tensor.data_type in _STRUCTURE:
        return False
    return tensor.data_type not in _MAYBE or name in quantized


def quantized_readers(graph: onnx.GraphProto) -> frozenset[str]:
    """Names of tensors that an operator on codes reads."""
    readers = (node for node in graph.node if node.op_type.startswith(("QLinear", "QGemm", "DequantizeLinear")))
    return frozenset(name for node in readers for name in node.input if name)
