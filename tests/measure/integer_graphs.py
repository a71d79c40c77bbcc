"""Small QDQ graphs with one layer, written by hand, and what it computes by plain loops over Python integers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["conv_graph", "gemm_graph", "saturated_sum", "windows"]

SCALE, STEP = 0.05, 0.01


def gemm_graph(weight: NDArray[np.int8], *, zero: int = 0, bias: NDArray[np.int32] | None = None) -> onnx.ModelProto:
    """``y = (x - zero) @ weight + bias`` on codes; ``weight`` is ``(K, N)``."""
    node = helper.make_node("Gemm", ["xr", "wr", *(["br"] if bias is not None else [])], ["y/raw"], "layer")
    return _graph(node, weight, zero, bias, ["n", weight.shape[0]], axis=1)


def conv_graph(
    weight: NDArray[np.int8], *, zero: int = 0, bias: NDArray[np.int32] | None = None, **settings: Any
) -> onnx.ModelProto:
    """A convolution on codes; ``weight`` is ``(M, C, kh, kw)``; the input has 5 x 6 points."""
    node = helper.make_node("Conv", ["xr", "wr", *(["br"] if bias is not None else [])], ["y/raw"], "layer", **settings)
    channels = weight.shape[1] * settings.get("group", 1)
    return _graph(node, weight, zero, bias, ["n", channels, 5, 6], axis=0)


def _graph(
    node: onnx.NodeProto, weight: NDArray[np.int8], zero: int, bias: NDArray[np.int32] | None, shape: Any, axis: int
) -> onnx.ModelProto:
    outputs = weight.shape[axis]
    scales = np.linspace(STEP, 2 * STEP, outputs).astype(np.float32)
    constants = {
        "xs": np.float32(SCALE),
        "xz": np.uint8(zero),
        "w": weight,
        "ws": scales,
        "wz": np.zeros(outputs, np.int8),
        "ys": np.float32(0.5),
        "yz": np.uint8(128),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["x/codes"]),
        helper.make_node("DequantizeLinear", ["x/codes", "xs", "xz"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"], axis=axis),
    ]
    if bias is not None:
        constants |= {"b": bias, "bs": np.float32(SCALE) * scales, "bz": np.zeros(outputs, np.int32)}
        nodes.append(helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["br"], axis=0))
    nodes += [
        node,
        helper.make_node("QuantizeLinear", ["y/raw", "ys", "yz"], ["y/codes"]),
        helper.make_node("DequantizeLinear", ["y/codes", "ys", "yz"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def saturated_sum(codes: list[int], weights: list[int]) -> tuple[int, int]:
    """A sum as ``vpmaddubsw`` and ``vpaddd`` make it, and how many pairs were clipped, in plain Python integers."""
    total = clipped = 0
    padded = len(codes) % 2
    a, w = [*codes, *[0] * padded], [*weights, *[0] * padded]
    for k in range(0, len(a), 2):
        s = a[k] * w[k] + a[k + 1] * w[k + 1]
        kept = min(max(s, -32768), 32767)
        total, clipped = total + kept, clipped + (kept != s)
    return total, clipped


def windows(codes: NDArray[np.uint8], kernel: tuple[int, int], zero: int, settings: dict[str, Any]) -> Any:
    """For each sample and output position: the codes that the kernel covers, by kernel position, then channel."""
    pads, strides = settings.get("pads", [0] * 4), settings.get("strides", [1, 1])
    gaps = settings.get("dilations", [1, 1])
    n, channels, height, width = codes.shape
    rows = (height + pads[0] + pads[2] - gaps[0] * (kernel[0] - 1) - 1) // strides[0] + 1
    columns = (width + pads[1] + pads[3] - gaps[1] * (kernel[1] - 1) - 1) // strides[1] + 1
    for i, r, c in product(range(n), range(rows), range(columns)):
        covered = []
        for kh, kw in product(range(kernel[0]), range(kernel[1])):
            y, x = r * strides[0] + kh * gaps[0] - pads[0], c * strides[1] + kw * gaps[1] - pads[1]
            inside = 0 <= y < height and 0 <= x < width
            covered.append([int(codes[i, ch, y, x]) if inside else zero for ch in range(channels)])
        yield i, r, c, covered
