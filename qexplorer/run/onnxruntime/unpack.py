"""Whether ONNX Runtime turns stored codes to floats in every call, where once, when it loads a graph, would do.

It keeps DequantizeLinear of a constant as a node, so that what reads it can become an integer kernel. Where nothing can
(no activation is on 8-bit codes), the node is computed in every call, and so is the unpacking inside MatMulNBits on 8
bits, which has no float kernel of its own: one row through 1024 x 1024 takes 1.3 to 1.5 ms so, and 0.06 ms on weights
unpacked before. Only MatMulNBits on 4 bits or fewer reads packed weights as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qexplorer.run.onnx_outline import Outline, read_outline

__all__ = ["Stored", "stored_weights"]

_NARROW = (21, 22, 25, 26)  # onnx.TensorProto.UINT4, INT4, UINT2, INT2
_BYTES = (2, 3)  # onnx.TensorProto.UINT8, INT8
_WIDE = (4, 5)  # onnx.TensorProto.UINT16, INT16
_LINEAR = ("MatMul", "Gemm")


@dataclass(frozen=True, slots=True)
class Stored:
    """What becomes of the codes of a file's weights in a session.

    Attributes:
        unpacked: most are turned to floats in every call, for no gain: unpacking them once would be quicker.
        packed: linear layers read some of them packed, in MatMulNBits.
    """

    unpacked: bool = False
    packed: bool = False


def stored_weights(path: Path) -> Stored:
    """What becomes of the weights of the file at ``path``; nothing where there are none, or where it is no model."""
    outline = read_outline(path)
    if outline is None:
        return Stored()
    codes = {
        node.outputs[0]: outline.constants[node.inputs[0]]
        for node in outline.nodes
        if node.op == "DequantizeLinear" and node.inputs[0] in outline.constants
    }
    linear = {name for node in outline.nodes for name in node.inputs[1:2] if node.op in _LINEAR and name in codes}
    kept = sum(codes[name].size for name in linear if codes[name].type in _NARROW)
    integer = any(_on_8_bits(node.op, node.inputs, outline) for node in outline.nodes)
    readable = _NARROW if integer else (*_NARROW, *_BYTES)
    return Stored(
        unpacked=not integer and sum(constant.size for constant in codes.values()) > 2 * kept,
        packed=any(codes[name].type in readable for name in linear),
    )


def _on_8_bits(op: str, inputs: tuple[str, ...], outline: Outline) -> bool:
    """Whether a node makes codes that integer kernels take: all but those of 16 bits."""
    if op == "DynamicQuantizeLinear":
        return True
    if op != "QuantizeLinear":
        return False
    zero_point = outline.constants.get(inputs[2]) if len(inputs) > 2 else None
    return zero_point is None or zero_point.type not in _WIDE
