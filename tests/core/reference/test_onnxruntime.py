"""The reference against ONNX Runtime's CPU kernels on random input: the same codes and the same sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from qexplorer.core.reference.operators import run_operator

Arrays = list[np.ndarray[Any, Any] | None]
KINDS = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8, "uint16": TensorProto.UINT16, "int16": TensorProto.INT16}
KINDS |= {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}


def onnxruntime_says(op: str, inputs: Arrays, attributes: dict[str, Any], outputs: int) -> list[np.ndarray[Any, Any]]:
    """Runs one node in ONNX Runtime, its graph optimizations off."""
    names = [f"i{k}" if value is not None else "" for k, value in enumerate(inputs)]
    given = {name: value for name, value in zip(names, inputs, strict=True) if value is not None}
    node = helper.make_node(op, names, [f"o{k}" for k in range(outputs)], **attributes)
    infos = [helper.make_tensor_value_info(n, KINDS[v.dtype.name], v.shape) for n, v in given.items()]
    results = [onnx.ValueInfoProto(name=f"o{k}") for k in range(outputs)]
    model = helper.make_model(
        helper.make_graph([node], "one", infos, results), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, given))


def assert_same(op: str, inputs: Arrays, attributes: dict[str, Any] | None = None, outputs: int = 1) -> None:
    """Both give the same types, shapes and bits."""
    mine = run_operator(op, inputs, attributes or {})
    theirs = onnxruntime_says(op, inputs, attributes or {}, outputs)
    for got, want in zip(mine, theirs, strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(got, want)


def codes(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """Random codes over the whole range of their type."""
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(dtype)


def scales(seed: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Random scales around 0.01."""
    return np.random.default_rng(seed).uniform(0.002, 0.02, shape).astype(np.float32)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_quantize_and_dequantize_linear(dtype: str, granularity: str) -> None:
    """Codes and values agree for every granularity, ties and values outside the range among them."""
    shape = (3, 8, 5)
    size = {"tensor": (), "channel": (8,), "block": (3, 2, 5)}[granularity]
    attributes = {"tensor": {}, "channel": {"axis": 1}, "block": {"axis": 1, "block_size": 4}}[granularity]
    scale = np.asarray(np.exp2(np.random.default_rng(0).integers(-8, -4, size)), np.float32)
    x = np.random.default_rng(1).normal(0, 3, shape).astype(np.float32)
    x[0] = np.round(x[0] * 512) / 512  # many lie half-way between two codes
    zero = codes(2, size, dtype)
    assert_same("QuantizeLinear", [x, scale, np.asarray(zero)], attributes)
    assert_same("DequantizeLinear", [codes(3, shape, dtype), scale, np.asarray(zero)], attributes)


@pytest.mark.parametrize("seed", range(8))
def test_dynamic_quantize_linear(seed: int) -> None:
    """Codes, scale and zero point agree for ranges that hold zero, lie above it, lie below it, or are empty."""
    x = np.random.default_rng(seed).normal([0, 4, -4, 0][seed % 4], [1, 0.5, 0.5, 0][seed % 4], (7, 9))
    assert_same("DynamicQuantizeLinear", [x.astype(np.float32)], outputs=3)


def test_matmul_integer_with_zero_points_per_column() -> None:
    """Sums agree for unsigned rows, signed columns and one zero point for each column."""
    a, b = codes(0, (2, 5, 40), "uint8"), codes(1, (40, 6), "int8")
    assert_same("MatMulInteger", [a, b, np.asarray(np.uint8(131)), codes(2, (6,), "int8")])


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_qlinear_matmul(dtype: str) -> None:
    """Codes agree after rescaling, with one weight scale for each column."""
    a, b = codes(0, (4, 33), dtype), codes(1, (33, 6), "int8")
    point = np.asarray(np.dtype(dtype).type(3))
    column, zeros = scales(2, (6,)), np.zeros(6, np.int8)
    out = np.asarray(np.float32(0.7))
    assert_same("QLinearMatMul", [a, scales(3, ()), point, b, column, zeros, out, point])


CONVOLUTIONS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("plain", (2, 3, 8, 9), (4, 3, 3, 3), {}),
    ("padded and strided", (1, 3, 9, 8), (4, 3, 3, 2), {"pads": [1, 0, 1, 1], "strides": [2, 1]}),
    ("dilated", (1, 2, 11, 11), (3, 2, 3, 3), {"dilations": [2, 3]}),
    ("depthwise", (2, 4, 7, 7), (4, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
    ("grouped", (1, 6, 7, 7), (4, 3, 3, 3), {"group": 2}),
    ("same upper", (1, 2, 8, 7), (3, 2, 4, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("same lower", (1, 2, 8, 7), (3, 2, 4, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ("one axis", (2, 3, 20), (5, 3, 4), {"strides": [3], "pads": [2, 1]}),
]


@pytest.mark.parametrize(
    ("shape", "kernel", "attributes"), [c[1:] for c in CONVOLUTIONS], ids=[c[0] for c in CONVOLUTIONS]
)
def test_convolutions(shape: tuple[int, ...], kernel: tuple[int, ...], attributes: dict[str, Any]) -> None:
    """QLinearConv and ConvInteger agree for every way to step, pad, dilate and group."""
    x, w = codes(0, shape, "uint8"), codes(1, kernel, "int8")
    point = np.asarray(np.uint8(120))
    if len(shape) == 4:
        assert_same("ConvInteger", [x, codes(2, kernel, "uint8"), point], attributes)
    channels = kernel[0]
    bias = np.random.default_rng(4).integers(-5000, 5000, channels).astype(np.int32)
    inputs: Arrays = [x, scales(2, ()), point, w, scales(3, (channels,)), np.zeros(channels, np.int8)]
    assert_same("QLinearConv", [*inputs, np.asarray(np.float32(0.05)), point, bias], attributes)
