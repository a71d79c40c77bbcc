"""A small detector of the kind that finds faces: convolutions, then boxes decoded and scores normalized in float."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["RECIPE", "SIZE", "images", "write_detector"]

RECIPE = """
name: w8a8-float_tail
weights: {format: int8, granularity: channel, symmetric: true}
activations: {format: uint8, mode: static}
layers:
  - {match: "op:Mul", float: true}
  - {match: "op:Exp", float: true}
  - {match: "op:Sub", float: true}
  - {match: "op:Concat", float: true}
  - {match: "op:Softmax", float: true}
  - {match: centre, float: true}
  - {match: high, float: true}
  - {match: "box.*", float: true}
  - {match: "score.*", float: true}
"""
"""The convolutions and the residual in integers, everything behind them in float."""

SIZE, _ANCHORS = 32, 8 * 8 * 2


def images(n: int, *, seed: int = 1) -> NDArray[np.float32]:
    """``n`` pictures of blobs, values from -1 to 1."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(n, 3, 8, 8))
    fine = np.repeat(np.repeat(coarse, 4, axis=2), 4, axis=3) + 0.3 * rng.normal(size=(n, 3, SIZE, SIZE))
    return np.clip(fine / 2, -1, 1).astype(np.float32)


def write_detector(path: Path) -> Path:
    """Writes the float model: input ``image`` (n, 3, 32, 32), outputs ``boxes`` (n, 128, 4), ``scores`` (n, 128, 2)."""
    rng = np.random.default_rng(7)
    weights: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(name: str, value: Any) -> str:
        weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def conv(
        name: str, source: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, relu: bool = True
    ) -> str:
        scale = np.sqrt(2 / (inputs * kernel * kernel))
        weight = (rng.normal(size=(outputs, inputs, kernel, kernel)) * scale).astype(np.float32)
        names = [
            constant(f"{name}.weight", weight),
            constant(f"{name}.bias", rng.normal(size=outputs).astype(np.float32) / 4),
        ]
        pads = [kernel // 2] * 4
        nodes.append(
            helper.make_node(
                "Conv", [source, *names], [name], name, pads=pads, strides=[stride] * 2, kernel_shape=[kernel] * 2
            )
        )
        if not relu:
            return name
        nodes.append(helper.make_node("Relu", [name], [f"{name}.relu"], f"{name}.relu"))
        return f"{name}.relu"

    def node(op: str, sources: list[str], made: str, **settings: Any) -> str:
        nodes.append(helper.make_node(op, sources, [made], made, **settings))
        return made

    x = conv("conv1", "image", 3, 16, stride=2)
    x = conv("conv2", x, 16, 24)
    y = conv("conv3", x, 24, 24, relu=False)
    x = node("Relu", [node("Add", [y, x], "sum")], "sum.relu")
    x = conv("conv4", x, 24, 32, stride=2)
    x = conv("conv5", x, 32, 32)
    boxes, scores = conv("box_head", x, 32, 8, relu=False), conv("score_head", x, 32, 4, relu=False)
    for name, head, width in (("box", boxes, 4), ("score", scores, 2)):
        moved = node("Transpose", [head], f"{name}.rows", perm=[0, 2, 3, 1])
        node("Reshape", [moved, constant(f"{name}.shape", np.array([0, -1, width], np.int64))], f"{name}.table")
    cells = (np.stack(np.meshgrid(np.arange(8), np.arange(8), indexing="xy"), -1).reshape(-1, 2) + 0.5) / 8
    anchors = np.repeat(cells, 2, axis=0).astype(np.float32)[None]
    sizes = np.tile(np.array([[0.1, 0.1], [0.25, 0.25]], np.float32), (64, 1))[None]
    ends = [constant(f"at{i}", np.array([i], np.int64)) for i in (0, 2, 4)]
    axis = constant("last", np.array([2], np.int64))
    middle = node("Slice", ["box.table", ends[0], ends[1], axis], "box.middle")
    extent = node("Slice", ["box.table", ends[1], ends[2], axis], "box.extent")
    moved = node(
        "Mul",
        [node("Mul", [middle, constant("variance", np.float32(0.1))], "middle.scaled"), constant("sizes", sizes)],
        "middle.moved",
    )
    centre = node("Add", [moved, constant("anchors", anchors)], "centre")
    grown = node(
        "Exp", [node("Mul", [extent, constant("variance2", np.float32(0.2))], "extent.scaled")], "extent.grown"
    )
    size = node("Mul", [grown, constant("sizes2", sizes)], "size")
    half = node("Mul", [size, constant("half", np.float32(0.4999))], "size.half")
    low, high = node("Sub", [centre, half], "low"), node("Add", [half, centre], "high")
    node("Concat", [low, high], "boxes", axis=2)
    node("Softmax", ["score.table"], "scores", axis=2)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "detector",
        [info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [info("boxes", TensorProto.FLOAT, ["n", _ANCHORS, 4]), info("scores", TensorProto.FLOAT, ["n", _ANCHORS, 2])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
