"""A float layer that stands between codes, written so that ONNX Runtime leaves it in float.

Where a Conv, ConvTranspose or Gemm with a float weight reads what a DequantizeLinear with one scale gives, and a
QuantizeLinear reads what it makes, ONNX Runtime 1.31 rounds the weight to int8 with one scale by itself
(WeightBiasQuantization) and runs an integer kernel: a layer that a rule keeps in float would not be. It does so only
behind a DequantizeLinear with one scale. So the layer reads the same codes through one that holds the scale once for
each channel, which gives the same values at the same cost, and leaves the weight to be laid out for the float kernel
as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.grid import Grid
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.emit.decoded import times_one
from qexplorer.quantize.emit.writer import GraphWriter

if TYPE_CHECKING:
    import onnx

__all__ = ["inputs_kept_float"]

_ROUNDED_BY_ITSELF = ("Conv", "ConvTranspose", "Gemm")


def inputs_kept_float(
    node: onnx.NodeProto, inputs: list[str], codes: str, grid: Grid, carrier: str, view: GraphIndex, writer: GraphWriter
) -> list[str]:
    """``inputs`` of a float layer whose first input has ``codes`` on ``grid``, as they are to be written.

    Args:
        node: the layer.
        inputs: the names that it would read.
        codes: the codes of its first input.
        grid: their grid, one scale.
        carrier: the ONNX type of the codes.
        view: the float graph.
        writer: the new graph.
    """
    if node.op_type not in _ROUNDED_BY_ITSELF or node.domain or not view.is_constant(node.input[1]):
        return inputs
    axis, channels = _channels(node, view)
    if channels < 2:  # a scale for each of one channel is one scale
        return [inputs[0], times_one(writer, node.name, inputs[1], f"{node.input[1]}/unknown"), *inputs[2:]]
    wide = [
        writer.constant(f"{node.input[0]}/scales", np.full(channels, grid.scale, np.float32)),
        writer.codes(f"{node.input[0]}/zero_points", np.full(channels, grid.zero_point, np.int32), carrier),
    ]
    value = writer.add("DequantizeLinear", [codes, *wide], f"{node.input[0]}/by_channel", attributes={"axis": axis})
    return [value, *inputs[1:]]


def _channels(node: onnx.NodeProto, view: GraphIndex) -> tuple[int, int]:
    """The axis of the first input that is summed over, and its length."""
    dims = view.initializers[node.input[1]].dims
    if node.op_type == "Conv":
        return 1, int(dims[1] * number(node, "group", 1))
    if node.op_type == "ConvTranspose":
        return 1, int(dims[0])
    return (0 if number(node, "transA", 0) else 1), int(dims[1 if number(node, "transB", 0) else 0])
