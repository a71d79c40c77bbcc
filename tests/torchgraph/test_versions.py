"""Older meanings of operators, which today's node cases no longer have, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from qexplorer.torchgraph.executor import GraphModule
from tests.torchgraph.helpers import Array, in_onnxruntime, in_torch, model_of, relative

PICTURE = (2, 4, 6, 5)
WIDE = (2, 3, 8, 8)

# name: operator, opset, attributes, shape of the input, constants that follow it, number of outputs
CASES: dict[str, tuple[str, int, dict[str, Any], tuple[int, ...], tuple[Array, ...], int]] = {
    "squeeze by attribute": ("Squeeze", 11, {"axes": [1]}, (3, 1, 4), (), 1),
    "squeeze by input": ("Squeeze", 13, {}, (3, 1, 4), (np.array([1]),), 1),
    "unsqueeze by attribute": ("Unsqueeze", 11, {"axes": [0, 3]}, (3, 4), (), 1),
    "unsqueeze by input": ("Unsqueeze", 13, {}, (3, 4), (np.array([-1, 0]),), 1),
    "clip by attributes": ("Clip", 6, {"min": -0.5, "max": 0.25}, PICTURE, (), 1),
    "clip by one attribute": ("Clip", 6, {"min": 0.1}, PICTURE, (), 1),
    "softmax over the rest": ("Softmax", 11, {"axis": 2}, PICTURE, (), 1),
    "softmax along an axis": ("Softmax", 13, {"axis": 2}, PICTURE, (), 1),
    "log softmax over the rest": ("LogSoftmax", 11, {}, PICTURE, (), 1),
    "hardmax over the rest": ("Hardmax", 11, {}, PICTURE, (), 1),
    "slice by attributes": ("Slice", 9, {"starts": [1, -3], "ends": [9, -1], "axes": [1, 3]}, PICTURE, (), 1),
    "slice with steps": (
        *("Slice", 13, {}, PICTURE),
        (np.array([4, 0]), np.array([-9, 5]), np.array([2, 3]), np.array([-2, 3])),
        1,
    ),
    "pad by attributes": ("Pad", 2, {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "mode": "reflect"}, PICTURE, (), 1),
    "pad with a value": ("Pad", 2, {"pads": [0, 1, 0, 0, 0, 0, 2, 0], "value": 1.5}, PICTURE, (), 1),
    "split by attribute": ("Split", 11, {"axis": 1, "split": [1, 3]}, PICTURE, (), 2),
    "split equally": ("Split", 11, {"axis": 1}, PICTURE, (), 2),
    "split in one part": ("Split", 13, {"axis": 1}, PICTURE, (), 1),
    "split in uneven parts": ("Split", 18, {"axis": 3, "num_outputs": 3}, PICTURE, (), 3),
    "mean by attribute": ("ReduceMean", 13, {"axes": [2, -1], "keepdims": 0}, PICTURE, (), 1),
    "mean by input": ("ReduceMean", 18, {"keepdims": 0}, PICTURE, (np.array([1, 3]),), 1),
    "sum by attribute": ("ReduceSum", 11, {"axes": [1]}, PICTURE, (), 1),
    "sum of everything": ("ReduceSum", 13, {"keepdims": 0}, PICTURE, (), 1),
    "top k by attribute": ("TopK", 9, {"k": 2, "axis": 1}, PICTURE, (), 2),
    "top k by input": ("TopK", 10, {"axis": -1}, PICTURE, (np.array([3]),), 2),
    "dropout before version 12": ("Dropout", 11, {"ratio": 0.3}, PICTURE, (), 1),
    "upsample by attribute": ("Upsample", 8, {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "nearest"}, PICTURE, (), 1),
    "upsample by input": ("Upsample", 9, {"mode": "linear"}, PICTURE, (np.array([1, 1, 2, 3], np.float32),), 1),
    "resize by scales": ("Resize", 10, {"mode": "nearest"}, PICTURE, (np.array([1, 1, 1.5, 2], np.float32),), 1),
    "scatter": ("Scatter", 10, {"axis": 0}, (3, 2), (np.array([[0, 2]]), np.ones((1, 2), np.float32)), 1),
    "group normalization by group": (
        *("GroupNormalization", 18, {"num_groups": 2, "epsilon": 1e-3}, PICTURE),
        (np.array([1.5, -1], np.float32), np.array([0.5, 2], np.float32)),
        1,
    ),
    "batch normalization": (
        *("BatchNormalization", 9, {"epsilon": 1e-3}, WIDE),
        tuple(np.array(values, np.float32) for values in ([1, 2, 3], [0, 1, 2], [0.1, 0, -1], [1, 2, 0.5])),
        1,
    ),
    "average pool, padding counted, one more window": (
        *("AveragePool", 19),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1, "ceil_mode": 1},
        *(WIDE, (), 1),
    ),
    "average pool, uneven padding": (
        *("AveragePool", 11),
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [0, 1, 1, 0]},
        *(WIDE, (), 1),
    ),
    "max pool with places": (
        *("MaxPool", 12),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 1], "dilations": [2, 1]},
        *(WIDE, (), 2),
    ),
    "max pool, one more window": (
        *("MaxPool", 12),
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        *(WIDE, (), 1),
    ),
    "global norm": ("GlobalLpPool", 2, {"p": 3}, WIDE, (), 1),
    "convolution, padded unevenly": (
        *("Conv", 11, {"pads": [0, 1, 2, 0], "strides": [2, 1], "dilations": [1, 2], "group": 3}, WIDE),
        (np.linspace(-1, 1, 6 * 9, dtype=np.float32).reshape(6, 1, 3, 3), np.arange(6, dtype=np.float32)),
        1,
    ),
    "convolution, SAME_LOWER": (
        *("Conv", 11, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, WIDE),
        (np.linspace(-1, 1, 4 * 3 * 4, dtype=np.float32).reshape(4, 3, 2, 2),),
        1,
    ),
    "transposed convolution, uneven": (
        *("ConvTranspose", 11, {"pads": [1, 0, 0, 2], "strides": [2, 3], "output_padding": [1, 0], "group": 1}, WIDE),
        (np.linspace(-1, 1, 3 * 2 * 9, dtype=np.float32).reshape(3, 2, 3, 3), np.array([1, 2], np.float32)),
        1,
    ),
    "transposed convolution, output shape": (
        *("ConvTranspose", 11, {"output_shape": [17, 15], "strides": [2, 2]}, WIDE),
        (np.linspace(-1, 1, 3 * 2 * 9, dtype=np.float32).reshape(3, 2, 3, 3),),
        1,
    ),
    "gemm, everything": (
        *("Gemm", 13, {"alpha": 0.5, "beta": 2.0, "transA": 1, "transB": 1}, (4, 3)),
        (np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4), np.ones((1, 5), np.float32)),
        1,
    ),
    "gather from the end": ("Gather", 13, {"axis": 2}, PICTURE, (np.array([[-1, 0], [2, -3]]),), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_an_older_meaning_is_that_of_onnxruntime(name: str) -> None:
    """Each operator, in the version that the case names, gives ONNX Runtime's shape, type and values."""
    op, opset, attributes, shape, constants, outputs = CASES[name]
    names = [f"y{index}" for index in range(outputs)]
    given = {f"c{index}": value for index, value in enumerate(constants)}
    node = helper.make_node(op, ["x", *given], names, **attributes)
    model = model_of([node], {"x": shape}, names, given, opset)
    model.ir_version = 7
    feeds = {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    for found, wanted in zip(in_torch(GraphModule(model), feeds), in_onnxruntime(model, feeds), strict=True):
        assert relative(found, wanted) <= 1e-6


def test_versions_before_7_broadcast_from_an_axis() -> None:
    """Add of opset 6 with ``broadcast`` adds a vector along the axis that it names, as its specification says."""
    node = helper.make_node("Add", ["x", "b"], ["y"], broadcast=1, axis=1)
    bias = np.arange(4, dtype=np.float32)
    x = np.zeros(PICTURE, np.float32)
    (found,) = in_torch(GraphModule(model_of([node], {"x": PICTURE}, ["y"], {"b": bias}, 6)), {"x": x})
    np.testing.assert_array_equal(found, x + bias.reshape(1, 4, 1, 1))
