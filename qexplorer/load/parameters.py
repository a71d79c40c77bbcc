"""Which constants are a model's parameters: numbers that were learned, not shapes, axes, indices and bounds."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

__all__ = ["Readers", "counts", "readers_of"]

_T = onnx.TensorProto
_STRUCTURE = (_T.INT64, _T.UINT64, _T.UINT32, _T.BOOL, _T.STRING)
_MAYBE = (_T.INT32, _T.INT16, _T.UINT16)


_SETTINGS = {
    "Clip": (1, 2),
    "ConstantOfShape": (0,),
    "Dropout": (1, 2),
    "NonMaxSuppression": (2, 3, 4),
    "OneHot": (1, 2),
    "Pad": (1, 2, 3),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "Upsample": (1,),
}
"""Operator -> inputs that say how it works, floats among them. (ONNX, opset 21)"""


@dataclass(frozen=True, slots=True)
class Readers:
    """Names of tensors by who reads them.

    Attributes:
        codes: read by an operator on codes.
        settings: read as settings alone, such as the bounds of a Clip.
    """

    codes: frozenset[str]
    settings: frozenset[str]


def counts(tensor: onnx.TensorProto, name: str, readers: Readers) -> bool:
    """Whether the values of ``tensor`` are parameters.

    Floats and codes of 8 bits and less are, but for settings. Longer integers are where a quantized operator reads them
    (a bias in int32); elsewhere they are the shape of a Reshape, axes, indices.

    Args:
        tensor: a constant.
        name: what it is called in the graph.
        readers: what :func:`readers_of` found.
    """
    if tensor.data_type in _STRUCTURE or name in readers.settings:
        return False
    return tensor.data_type not in _MAYBE or name in readers.codes


def readers_of(graph: onnx.GraphProto) -> Readers:
    """What the nodes of ``graph`` read its tensors for; bodies inside nodes are not looked into."""
    codes: set[str] = set()
    settings: set[str] = set()
    values: set[str] = {output.name for output in graph.output}
    for node in graph.node:
        if node.op_type.startswith(("QLinear", "QGemm", "DequantizeLinear")):
            codes.update(name for name in node.input if name)
        places = () if node.domain else _SETTINGS.get(node.op_type, ())
        for place, name in enumerate(node.input):
            (settings if place in places else values).add(name)
    return Readers(frozenset(codes), frozenset(settings - values))
