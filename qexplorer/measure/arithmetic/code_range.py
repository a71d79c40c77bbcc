"""Which codes of a tensor can come: narrower than its type where a bound stands in front of it.

A format of 7 bits in an 8-bit carrier, a Relu or a Clip are written as ``Q, DQ, Clip, Q`` (see ``quantize.emit``), and
operators that only move data leave the bounds as they are.
"""

from __future__ import annotations

import numpy as np

from qexplorer.graph.index import GraphIndex

__all__ = ["code_range"]

_MOVES = ("MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather", "Identity")


def code_range(codes: str, index: GraphIndex, whole: tuple[int, int]) -> tuple[int, int]:
    """Smallest and largest code that the tensor ``codes`` can hold; ``whole`` is the range of its type."""
    node = index.maker(codes)
    if node is None or node.op_type != "QuantizeLinear":
        return whole
    source = index.maker(node.input[0])
    if source is None:
        return whole
    if source.op_type == "Clip" and len(source.input) > 2:
        ends = [index.value(name) for name in source.input[1:3]]
        scale = index.value(node.input[1])
        if scale is None or scale.size != 1 or any(end is None for end in ends):
            return whole
        zero = index.value(node.input[2]) if len(node.input) > 2 else np.zeros((), np.int32)
        assert zero is not None
        steps = [
            float(np.rint(np.float32(end.reshape(())) / np.float32(scale.reshape(()))))
            for end in ends
            if end is not None
        ]
        low, high = (int(np.clip(step + int(zero.reshape(-1)[0]), *whole)) for step in steps)
        return low, high
    if source.op_type in _MOVES:
        before = index.maker(source.input[0])
        same = before is not None and before.op_type == "DequantizeLinear" and before.input[1:] == node.input[1:]
        if before is not None and same:
            return code_range(before.input[0], index, whole)
    return whole
