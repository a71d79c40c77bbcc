"""Sample networks that compute what they did, but for float's rounding, broken for quantization in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from qexplorer.core.dataset import DataSet
from qexplorer.load.samples.shelf import get_sample

__all__ = ["Channel", "of_one_class", "read_sample", "with_scaled_channel", "with_split_input", "written"]


@dataclass(frozen=True, slots=True)
class Channel:
    """Where one channel is scaled.

    Attributes:
        model: a sample's name.
        layer: whose output it is: a convolution, a Gemm or a LayerNormalization.
        readers: layers that take it back.
        relu: a Clip between them that becomes a Relu, so that the channel is not cut off; empty where there is none.
    """

    model: str
    layer: str
    readers: tuple[str, ...]
    relu: str = ""


def with_scaled_channel(at: Channel, data: DataSet, folder: Path, *, times: float = 100.0) -> tuple[Path, int]:
    """One channel of a layer so many times as large, and its readers' weights as many smaller.

    Args:
        at: where.
        data: fitted to the model.
        folder: where the file is written.
        times: how many.

    Returns:
        The file, and the channel: the one with the median reach over samples, of those that reach anywhere.
    """
    model, weights = read_sample(at.model)
    nodes = {node.name: node for node in model.graph.node}
    layer = nodes[at.layer]
    channel = _median_channel(model, layer, data)
    for name in layer.input[1:]:
        weights[name][channel] *= times
    for reader in at.readers:
        node = nodes[reader]
        row = weights[node.input[1]]
        if node.op_type == "MatMul":
            row[channel] /= times
        else:
            row[:, channel] /= times
    if at.relu:
        clip = nodes[at.relu]
        clip.op_type = "Relu"
        del clip.input[1:]
    return written(model, weights, folder / f"{at.model}.onnx"), channel


def with_split_input(name: str, layer: str, folder: Path, *, times: float = 100.0) -> Path:
    """The input of a Gemm cut in two, one half so many times as large, and joined again by a Concat called ``join``."""
    model, weights = read_sample(name)
    node = next(each for each in model.graph.node if each.name == layer)
    given, half = node.input[0], weights[node.input[1]].shape[1] // 2
    weights |= {"sizes": np.array([half, half]), "times": np.array(times, np.float32)}
    weights[node.input[1]][:, :half] /= times
    at = list(model.graph.node).index(node)
    made = (
        helper.make_node("Split", [given, "sizes"], ["left", "right"], "cut", axis=1),
        helper.make_node("Mul", ["left", "times"], ["large"], "enlarge"),
        helper.make_node("Concat", ["large", "right"], ["joined"], "join", axis=1),
    )
    for offset, new in enumerate(made):
        model.graph.node.insert(at + offset, new)
    node.input[0] = "joined"
    return written(model, weights, folder / f"{name}.onnx")


def of_one_class(data: DataSet, label: int, samples: int, *, dim: float = 1.0) -> DataSet:
    """Calibrated on samples of one class alone, whose inputs keep ``dim`` of what they have above the lowest value."""
    split = data.calibration
    assert split.labels is not None
    own = split.take(np.flatnonzero(split.labels == label)[:samples])
    ((name, values),) = own.inputs.items()
    bright = np.asarray(values, np.float32)
    low = float(bright.min())
    own = replace(own, inputs={name: (low + dim * (bright - low)).astype(np.float32)})
    return replace(data, calibration=own, digest=f"{data.digest}-class-{label}-{samples}-{dim}")


def read_sample(name: str) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """A sample's graph, and its weights by their names."""
    model = onnx.load(str(get_sample(name).model_path))
    return model, {item.name: numpy_helper.to_array(item).copy() for item in model.graph.initializer}


def _median_channel(model: onnx.ModelProto, layer: onnx.NodeProto, data: DataSet) -> int:
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    seen.graph.output.append(helper.make_empty_tensor_value_info(layer.output[0]))
    session = onnxruntime.InferenceSession(seen.SerializeToString())
    (values,) = session.run([layer.output[0]], {k: v[:64] for k, v in data.calibration.inputs.items()})
    axis = values.ndim - 1 if layer.op_type == "LayerNormalization" else 1
    reach = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).max(1)
    order = np.argsort(reach)
    held = order[reach[order] > 0]
    return int(held[len(held) // 2])


def written(model: onnx.ModelProto, weights: dict[str, np.ndarray], path: Path) -> Path:
    """The file of a graph with these weights."""
    del model.graph.initializer[:]
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    return path
