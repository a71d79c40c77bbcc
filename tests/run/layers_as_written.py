"""Layers between quantizers that no integer kernel of the usual kind computes: each has to be run as it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.run.qdq_layers import Values, codes, grid, one_layer

__all__ = ["AS_WRITTEN", "SHOWN"]

Case = tuple[Path, str, dict[str, Values]]
"""The file, the layer's operator, what is fed."""


def _gemm(folder: Path, *, axis: int = 1, biased: bool = False, zero: int = 0, **attributes: float) -> Case:
    """9 outputs of 33 inputs, of 5 samples."""
    rng = np.random.default_rng(7)
    x, w = codes(rng, "uint8", (33, 5) if attributes.get("transA") else (5, 33)), codes(rng, "int8", (33, 9))
    x_grid, w_grid = grid(rng, "uint8"), grid(rng, "int8", 9 if axis == 1 else 33, symmetric=True)
    y_grid = (np.asarray(2.0, np.float32), np.asarray(128, np.uint8))
    inputs: dict[str, tuple[Values, tuple[Values, Values], int | None]] = {"x": (x, x_grid, None)}
    inputs["w"] = (w, w_grid, axis)
    if biased:
        bias = rng.integers(-9000, 9000, 9).astype(np.int32)
        step = np.asarray(x_grid[0] * w_grid[0], np.float32)
        inputs["b"] = (bias, (step, np.full(9, zero, np.int32)), 0)
    return one_layer(folder, "Gemm", inputs, y_grid, **attributes), "Gemm", {"x": x}


def _conv(folder: Path, *, axis: int = 0) -> Case:
    """Four channels of four, so that scales fit either axis of the weight."""
    rng = np.random.default_rng(8)
    x, w = codes(rng, "uint8", (2, 4, 5, 5)), codes(rng, "int8", (4, 4, 3, 3))
    w_grid, y_grid = grid(rng, "int8", 4, symmetric=True), (np.asarray(2.0, np.float32), np.asarray(128, np.uint8))
    path = one_layer(folder, "Conv", {"x": (x, grid(rng, "uint8"), None), "w": (w, w_grid, axis)}, y_grid)
    return path, "Conv", {"x": x}


def _shown(folder: Path) -> Case:
    """A layer whose float result is an output of the graph, too."""
    path, op, feeds = _conv(folder)
    model = onnx.load(str(path))
    model.graph.output.append(helper.make_tensor_value_info("z0", 1, [None] * 4))
    onnx.save(model, str(path))
    return path, op, feeds


def _with_bias(folder: Path, shape: tuple[int, ...]) -> Case:
    """A Gemm whose float bias has a shape that broadcasts."""
    path, op, feeds = _gemm(folder)
    model = onnx.load(str(path))
    values = np.random.default_rng(9).normal(size=shape).astype(np.float32) * 30
    model.graph.initializer.append(numpy_helper.from_array(values, "exact"))
    next(node for node in model.graph.node if node.op_type == op).input.append("exact")
    onnx.save(model, str(path))
    return path, op, feeds


AS_WRITTEN: dict[str, Callable[[Path], Case]] = {
    "alpha": lambda folder: _gemm(folder, alpha=0.5),
    "beta": lambda folder: _gemm(folder, biased=True, beta=3.0),
    "transA": lambda folder: _gemm(folder, transA=1),
    "scales along the sum of a Gemm": lambda folder: _gemm(folder, axis=0),
    "scales along the sum of a Conv": lambda folder: _conv(folder, axis=1),
    "a float bias for each row": lambda folder: _with_bias(folder, (5, 1)),
    "a float bias for each answer": lambda folder: _with_bias(folder, (5, 9)),
    "a bias with a zero point": lambda folder: _gemm(folder, biased=True, zero=2000),
}
SHOWN = _shown
