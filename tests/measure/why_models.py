"""A small network with something of everything, its quantized forms, and profiles of it made up by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.model import Model, TensorInfo
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import sha256_file
from qexplorer.load.layers import layer_map
from qexplorer.machine.ceiling import Ceiling
from qexplorer.measure.why.explain import WhyOrder
from qexplorer.run.protocol import KernelKind

__all__ = ["CEILING", "FUSED", "SHAPE", "found_of", "kernel", "make_net", "order_of", "plain"]

SHAPE = (8, 12, 12)
CEILING = Ceiling("A CPU", 1, "2026-01-02", 800.0, 40.0, 100.0, 20.0, 100.0)
FUSED = (("conv1", "relu1"), ("deep", "relu2"), ("conv2", "sum"), ("soft",), ("conv3",), ("pool",), ("linear",))
"""The kernels of a float run: layers of each."""


def make_net(folder: Path, channels: int = SHAPE[0]) -> Model:
    """Convolutions (one depthwise), a residual sum, a Softplus, which has no quantized form, and a linear layer."""
    random = np.random.default_rng(0)

    def weight(label: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array((random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype("f4"), label)

    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1"], ["c1"], "conv1", pads=[1] * 4),
        node("Relu", ["c1"], ["r1"], "relu1"),
        node("Conv", ["r1", "wd"], ["d"], "deep", pads=[1] * 4, group=16),
        node("Relu", ["d"], ["r2"], "relu2"),
        node("Conv", ["r2", "w2"], ["c2"], "conv2"),
        node("Add", ["c2", "r1"], ["s"], "sum"),
        node("Softplus", ["s"], ["p"], "soft"),
        node("Conv", ["p", "w3"], ["c3"], "conv3", pads=[1] * 4),
        node("GlobalAveragePool", ["c3"], ["g"], "pool"),
        node("Flatten", ["g"], ["f"], "flat"),
        node("Gemm", ["f", "w4"], ["y"], "linear", transB=1),
    ]
    weights = [weight("w1", 16, channels, 3, 3), weight("wd", 16, 1, 3, 3), weight("w2", 16, 16, 1, 1)]
    weights += [weight("w3", 32, 16, 3, 3), weight("w4", 4, 32)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, *SHAPE[1:]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])]
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    proto = onnx.shape_inference.infer_shapes(proto)
    path = folder / "net.onnx"
    onnx.save(proto, str(path))
    sha, layers = sha256_file(path), layer_map(proto)
    given, made = (TensorInfo("x", "float32", (None, channels, *SHAPE[1:])),), (TensorInfo("y", "float32", (None, 4)),)
    return Model("net", path, sha, sha, 21, given, made, layers, 1, None, path.stat().st_size, 1)


def order_of(model: Model, recipe: str, **changes: Any) -> WhyOrder:
    """An order for a recipe whose file nobody reads."""
    values: dict[str, Any] = {"backend": "onnxruntime", "path": model.path, "digest": "d" * 16}
    return WhyOrder(model, Recipe.parse(recipe), **{**values, **changes})


def kernel(name: str, kind: KernelKind, ms: float | None, *layers: str, op: str = "Conv") -> dict[str, Any]:
    """One kernel of a profile, as the child sends it."""
    return {"name": name, "op": op, "kind": kind.value, "ms": ms, "layers": list(layers)}


def plain(ms: float = 1.0) -> list[dict[str, Any]]:
    """The float run: every kernel takes ``ms``."""
    return [kernel(layers[0], KernelKind.FLOAT, ms, *layers) for layers in FUSED]


def found_of(
    quantized: list[dict[str, Any]],
    *,
    float_ms: float = 7.0,
    quantized_ms: float = 10.0,
    ceiling: Ceiling | None = CEILING,
    unprofiled: Mapping[str, str] | None = None,
    floats: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """What the child sends: these kernels, and calls that took so long in every round."""
    rounds = {"float": [round(float_ms * 1e6)] * 7, "quantized": [round(quantized_ms * 1e6)] * 7}
    return {
        "ceiling": None if ceiling is None else ceiling.to_json(),
        "rounds": rounds,
        "n": 70,
        "runs": 20,
        "unprofiled": dict(unprofiled or {}),
        "float": plain() if floats is None else floats,
        "quantized": quantized,
    }
