"""Small graphs for the tests of loading, built by hand so that each shows one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F32, I64 = TensorProto.FLOAT, TensorProto.INT64
Shape = Sequence[int | str | None]


def value(name: str, shape: Shape | None, kind: int = F32) -> onnx.ValueInfoProto:
    """A graph input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Sequence[str],
    weights: Mapping[str, np.ndarray] | None = None,
    *,
    opset: int = 21,
    ir: int = 10,
    weights_as_inputs: bool = False,
    **more: Any,
) -> onnx.ModelProto:
    """A float model; ``weights_as_inputs`` lists its weights among the inputs, as files before IR 4 do."""
    tensors = [numpy_helper.from_array(a, name) for name, a in (weights or {}).items()]
    ports = [value(name, shape) for name, shape in inputs.items()]
    if weights_as_inputs:
        ports += [value(t.name, list(t.dims), t.data_type) for t in tensors]
    graph = helper.make_graph(nodes, "graph", ports, [value(name, None) for name in outputs], tensors)
    opsets = [helper.make_opsetid("", opset), *more.pop("opsets", [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir, **more)


def weight(*shape: int, seed: int = 0, scale: float = 0.3) -> np.ndarray:
    """Normal float32 values."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def small_cnn(
    *, opset: int = 21, ir: int = 10, batch: int | str = "n", weights_as_inputs: bool = False
) -> onnx.ModelProto:
    """Conv, BatchNormalization, Relu, GlobalAveragePool, Flatten, Gemm."""
    parts = {
        "w": weight(4, 3, 3, 3),
        "scale": np.array([1, 2, 0.5, 1.5], np.float32),
        "shift": np.array([0, 1, -1, 0.3], np.float32),
        "mean": np.array([0.1, 0, -0.2, 0], np.float32),
        "var": np.array([1, 0.5, 2, 1], np.float32),
        "fc": weight(5, 4, seed=1),
        "fb": weight(5, seed=2),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "scale", "shift", "mean", "var"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "fc", "fb"], ["y"], transB=1),
    ]
    return model(nodes, {"x": [batch, 3, 8, 8]}, ["y"], parts, opset=opset, ir=ir, weights_as_inputs=weights_as_inputs)


def saved(proto: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    """Writes the model as it is, unchecked."""
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def run(proto: onnx.ModelProto | Path, **feeds: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime computes."""
    import onnxruntime as ort

    data = proto.read_bytes() if isinstance(proto, Path) else proto.SerializeToString()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = session.run(None, feeds)
    return outputs


def everything_in(folder: Path) -> set[str]:
    """Relative paths of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
