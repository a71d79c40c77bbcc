"""Models that compute what a sample does, and are broken for quantization in one known place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from qexplorer.load.samples.shelf import get_sample

__all__ = ["with_mismatched_concat", "with_outlier_channel"]


def _weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {item.name: numpy_helper.to_array(item).copy() for item in model.graph.initializer}


def _written(model: onnx.ModelProto, weights: dict[str, np.ndarray], path: Path) -> Path:
    del model.graph.initializer[:]
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    return path


def with_outlier_channel(folder: Path, *, channel: int, times: float = 100.0) -> tuple[Path, str, str]:
    """fashion_dscnn with one channel of a depthwise layer so many times as large, and its reader as many smaller.

    Returns:
        The file, the depthwise layer, and the layer that reads its output.
    """
    model = onnx.load(str(get_sample("fashion_dscnn").model_path))
    weights = _weights(model)
    node = next(n for n in model.graph.node if n.name == "block.1.depthwise.conv")
    reader = next(n for n in model.graph.node if n.name == "block.1.pointwise.conv")
    for name in node.input[1:]:
        weights[name][channel] *= times
    weights[reader.input[1]][:, channel] /= times
    return _written(model, weights, folder / "outlier.onnx"), node.name, reader.name


def with_mismatched_concat(folder: Path, *, times: float = 100.0) -> tuple[Path, str]:
    """fashion_dscnn with the classifier's input cut in two, one half so many times as large, and joined again.

    Returns:
        The file, and the name of the join.
    """
    model = onnx.load(str(get_sample("fashion_dscnn").model_path))
    weights = _weights(model)
    node = next(n for n in model.graph.node if n.name == "classifier")
    given, half = node.input[0], weights[node.input[1]].shape[1] // 2
    weights |= {"sizes": np.array([half, half]), "times": np.array(times, np.float32)}
    weights[node.input[1]][:, :half] /= times
    made = [
        helper.make_node("Split", [given, "sizes"], ["left", "right"], "cut", axis=1),
        helper.make_node("Mul", ["left", "times"], ["large"], "enlarge"),
        helper.make_node("Concat", ["large", "right"], ["joined"], "join", axis=1),
    ]
    at = list(model.graph.node).index(node)
    for offset, new in enumerate(made):
        model.graph.node.insert(at + offset, new)
    node.input[0] = "joined"
    return _written(model, weights, folder / "concat.onnx"), "join"
