"""Models that compute what a sample does, and are broken for quantization in one known place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import helper

from benchmarks.broken_models import read_sample, written

__all__ = ["with_outlier_channel", "with_saturating_pair", "with_sink"]


def with_outlier_channel(folder: Path, *, channel: int, times: float = 100.0) -> tuple[Path, str, str]:
    """fashion_dscnn with one channel of a depthwise layer so many times as large, and its reader as many smaller.

    Returns:
        The file, the depthwise layer, and the layer that reads its output.
    """
    model, weights = read_sample("fashion_dscnn")
    node = next(n for n in model.graph.node if n.name == "block.1.depthwise.conv")
    reader = next(n for n in model.graph.node if n.name == "block.1.pointwise.conv")
    for name in node.input[1:]:
        weights[name][channel] *= times
    weights[reader.input[1]][:, channel] /= times
    return written(model, weights, folder / "outlier.onnx"), node.name, reader.name


def with_sink(folder: Path, *, height: float = 400.0) -> tuple[Path, set[str]]:
    """fashion_dscnn with one place of every channel of an activation pushed far up, and pulled back where it is read.

    Returns:
        The file, and the layers at the pushed tensor.
    """
    model, weights = read_sample("fashion_dscnn")
    node = next(n for n in model.graph.node if n.name == "block.1.pointwise.conv")
    place = np.zeros((1, 1, 14, 14), np.float32)
    place[0, 0, 3, 3] = height
    weights |= {"sink": place, "unsink": -place}
    made = [
        helper.make_node("Add", [node.input[0], "sink"], ["pushed"], "push"),
        helper.make_node("Add", ["pushed", "unsink"], ["pulled"], "pull"),
    ]
    at = list(model.graph.node).index(node)
    for offset, new in enumerate(made):
        model.graph.node.insert(at + offset, new)
    node.input[0] = "pulled"
    return written(model, weights, folder / "sink.onnx"), {"push", "pull"}


def with_saturating_pair(folder: Path) -> tuple[Path, str]:
    """tumour_mlp with two more hidden values that are always as large as any, read with the largest weights there are.

    The bias takes off what they add, so that the float answers stay; both codes are 255 and both weights 127.

    Returns:
        The file, and the layer that reads them.
    """
    model, weights = read_sample("tumour_mlp")
    first, second = [n for n in model.graph.node if n.op_type == "Gemm"][:2]
    rows, columns = weights[second.input[1]], weights[first.input[1]]
    size, large = 8.0, float(np.abs(rows).max())
    weights[first.input[1]] = np.concatenate([columns, np.zeros((2, columns.shape[1]), np.float32)])
    weights[first.input[2]] = np.concatenate([weights[first.input[2]], np.full(2, size, np.float32)])
    weights[second.input[1]] = np.concatenate([rows, np.full((len(rows), 2), large, np.float32)], 1)
    weights[second.input[2]] = weights[second.input[2]] - np.float32(2 * size * large)
    del model.graph.value_info[:]
    return written(model, weights, folder / "pair.onnx"), second.name
