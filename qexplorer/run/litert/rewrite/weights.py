"""Constant codes of a QDQ graph as LiteRT's own: symmetric, per tensor or per channel, 8 or 4 bits, biases in int32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["WeightCodes", "add_weight", "codes_of", "rewrite_layers", "rewrite_weights"]

_BYTES = (np.dtype(np.int8), np.dtype(np.uint8))


@dataclass(frozen=True, slots=True)
class WeightCodes:
    """Symmetric codes of a weight.

    Attributes:
        values: ``code * scale`` in float32.
        scales: one, or one per channel.
        axis: of the channels; -1 for one scale.
        bits: 8, or 4 where every code fits.
    """

    values: Array
    scales: Array
    axis: int
    bits: int


def rewrite_weights(edit: GraphEdit, differences: list[str]) -> None:
    """Replaces every DequantizeLinear of constant codes by a ``Weight``, or by its values where there is no such grid.

    Biases (int32) become float values: the converter puts them back on ``scale_x * scale_w`` in int32.
    """
    for node in [node for node in edit.nodes if node.op_type == "DequantizeLinear"]:
        if any(edit.array(name) is None for name in node.input if name):
            continue
        found = _constant_codes(edit, node)
        if isinstance(found, WeightCodes):
            edit.replace(node, add_weight(edit, found, node.output[0]))
            continue
        values, why = found
        edit.nodes = [each for each in edit.nodes if each is not node]
        edit.constant(node.output[0], values)
        if why:
            differences.append(f"'{node.input[0]}' {why}: stored as float32")


def add_weight(edit: GraphEdit, codes: WeightCodes, output: str) -> onnx.NodeProto:
    """A ``Weight`` node called ``output``, its values stored as a constant."""
    name = edit.constant(f"{output}//values", codes.values)
    scales = [float(step) for step in codes.scales]
    return edit.node("Weight", [name], output, scales=scales, axis=codes.axis, bits=codes.bits)


def _constant_codes(edit: GraphEdit, node: onnx.NodeProto) -> WeightCodes | tuple[Array, str | None]:
    codes, scale = edit.array(node.input[0]), edit.array(node.input[1])
    assert codes is not None
    assert scale is not None
    zero = edit.array(node.input[2]) if len(node.input) > 2 else None
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    axis, block = settings.get("axis", 1), settings.get("block_size", 0)
    if codes.dtype.kind not in "iu" or scale.dtype != np.float32:
        return _values(codes, scale, zero, axis, block), "holds no integers with float32 scales"
    if block:
        return _values(codes, scale, zero, axis, block), "has a scale per block"
    if codes.dtype not in _BYTES:
        return _values(codes, scale, zero, axis, block), None if codes.dtype == np.int32 else "has 16 bits"
    found = codes_of(codes, scale, zero, axis)
    return found or (_values(codes, scale, zero, axis, block), "has a zero point")


def codes_of(codes: Array, scale: Array, zero: Array | None, axis: int) -> WeightCodes | None:
    """WeightCodes as LiteRT's, shifted to signed, with scales above zero; None if a zero point would remain.

    Codes of a scale below zero are turned over. Of those of 4 bits -8 becomes 8, for which 8 bits are taken.

    Args:
        codes: int8 or uint8.
        scale: one, or one per channel; not 0.
        zero: the same shape, or None for 0.
        axis: of the channels, may be negative.
    """
    offset = np.zeros(1, np.int64) if zero is None else zero.astype(np.int64).reshape(-1)
    if len(np.unique(offset)) != 1 or (codes.dtype == np.int8 and offset[0] != 0):
        return None
    signed = (codes.astype(np.int64) - offset[0]) * _spread(np.sign(scale).astype(np.int64), codes, axis, 0)
    if signed.min(initial=0) < -128 or signed.max(initial=0) > 127:
        return None
    channels = scale.size > 1
    bits = 4 if signed.min(initial=0) >= -8 and signed.max(initial=0) <= 7 else 8
    axis = axis % codes.ndim if channels else -1
    values = _values(codes, scale, zero, axis, 0)
    return WeightCodes(values, np.abs(scale).reshape(-1), axis, bits)


def _values(codes: Array, scale: Array, zero: Array | None, axis: int, block: int) -> Array:
    """What DequantizeLinear makes of constants, in float32."""
    spread = _spread(scale, codes, axis, block)
    if codes.dtype.kind not in "iu":
        return _times(codes, spread)
    whole = codes.astype(np.int32)
    return _times(whole if zero is None else whole - _spread(zero, codes, axis, block).astype(np.int32), spread)


def _spread(grid: Array, codes: Array, axis: int, block: int) -> Array:
    """Scales or zero points in a shape that broadcasts against the codes."""
    if grid.size == 1 and not block:
        return grid.reshape(())
    if block:
        return np.take(np.repeat(grid, block, axis), range(codes.shape[axis]), axis)
    return grid.reshape([-1 if index == axis % codes.ndim else 1 for index in range(codes.ndim)])


def _times(a: Array, b: Array) -> Array:
    found: Array = np.multiply(a.astype(np.float32), b.astype(np.float32))
    return found


def rewrite_layers(edit: GraphEdit) -> None:
    """Turns MatMul and Gemm with a constant 2-D weight into ``FullyConnected``, the weight transposed where needed."""
    made = edit.makers()
    for node in [node for node in edit.nodes if node.op_type in ("MatMul", "Gemm") and not node.domain]:
        maker = made.get(node.input[1])
        if maker is None or maker.op_type != "Weight":
            continue
        values = edit.array(maker.input[0])
        assert values is not None
        settings = {a.name: a.f if a.type == a.FLOAT else a.i for a in node.attribute}
        plain = settings.get("alpha", 1.0) == 1 and settings.get("beta", 1.0) == 1 and not settings.get("transA")
        if values.ndim != 2 or not plain:
            continue
        weight = node.input[1]
        if not settings.get("transB"):
            weight = f"{weight}//transposed"
            if weight not in made:
                made[weight] = _transposed(edit, maker, values, weight)
                edit.add_after(maker, made[weight])
        inputs = [node.input[0], weight, *node.input[2:]]
        edit.replace(node, edit.node("FullyConnected", inputs, node.output[0]))


def _transposed(edit: GraphEdit, maker: onnx.NodeProto, values: Array, output: str) -> onnx.NodeProto:
    settings = {attribute.name: attribute for attribute in maker.attribute}
    axis = settings["axis"].i
    scales = np.asarray(settings["scales"].floats, np.float32)
    return add_weight(edit, WeightCodes(values.T, scales, axis if axis < 0 else 1 - axis, settings["bits"].i), output)
