"""Hand-made models for the tests of observing, with the layer map written down by their makers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.core.workspace import sha256_file
from qexplorer.load.operators import QUANTIZABLE

_NUMPY = {TensorProto.FLOAT: "float32", TensorProto.INT64: "int64", TensorProto.BOOL: "bool"}


def as_model(proto: onnx.ModelProto, folder: Path) -> Model:
    """A Model around ``proto``: every operator of the table counts as quantizable."""
    path = folder / "model.onnx"
    onnx.save(proto, path)
    initializers = {t.name: t for t in proto.graph.initializer}
    digest = sha256_file(path)
    return Model(
        name="made",
        path=path,
        sha256=digest,
        source_sha256=digest,
        opset=21,
        inputs=tuple(_info(v) for v in proto.graph.input),
        outputs=tuple(_info(v) for v in proto.graph.output),
        layers=tuple(_layer(node, initializers) for node in proto.graph.node),
        parameters=0,
        macs=None,
        file_bytes=path.stat().st_size,
        weight_bytes=0,
    )


def _info(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim)
    return TensorInfo(value.name, _NUMPY[tensor.elem_type], shape)


def _layer(node: onnx.NodeProto, initializers: dict[str, Any]) -> Layer:
    rule = QUANTIZABLE.get(node.op_type)
    weight, axis = None, None
    if rule and rule.weight_input is not None and node.input[rule.weight_input] in initializers:
        weight = node.input[rule.weight_input]
        trans = any(a.name == "transB" and a.i for a in node.attribute)
        axis = 0 if node.op_type == "Conv" or trans else 1
    inputs = tuple(i for i in node.input if i and i not in initializers)
    shape = tuple(initializers[weight].dims) if weight else ()
    name = node.name or node.output[0]
    reason = None if rule else f"{node.op_type} stays in float"
    return Layer(name, node.op_type, inputs, tuple(node.output), weight, shape, axis, 0, None, rule is not None, reason)


def graph(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[Any, ...]],
    outputs: dict[str, tuple[Any, ...]],
    weights: dict[str, np.ndarray],
    types: dict[str, int] | None = None,
) -> onnx.ModelProto:
    """A checked model of these nodes; everything is float32 unless ``types`` says otherwise."""
    kinds = types or {}

    def infos(values: dict[str, tuple[Any, ...]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), s) for n, s in values.items()]

    made = helper.make_graph(
        nodes, "made", infos(inputs), infos(outputs), [numpy_helper.from_array(v, k) for k, v in weights.items()]
    )
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def residual_cnn(batch: int | str = "n", channels: int = 24) -> onnx.ModelProto:
    """Conv-Relu-Conv-Add-Relu with a depthwise Conv-Clip and a classifier; ``channels`` that are not a multiple of 16
    are padded in ONNX Runtime's blocked layout."""
    rng = np.random.default_rng(5)

    def weight(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    c = channels
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], pads=[1, 1, 1, 1]),
        node("Add", ["c2", "r1"], ["a"]),
        node("Relu", ["a"], ["r2"]),
        node("Conv", ["r2", "w3"], ["c3"], pads=[1, 1, 1, 1], group=c),
        node("Clip", ["c3", "lo", "hi"], ["p"]),
        node("GlobalAveragePool", ["p"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("Gemm", ["f", "w4", "b4"], ["y"], transB=1),
    ]
    weights = {
        "w1": weight(c, 3, 3, 3),
        "b1": np.linspace(-1, 1, c, dtype=np.float32),
        "w2": weight(c, c, 3, 3),
        "w3": weight(c, 1, 3, 3),
        "lo": np.float32(0.25),
        "hi": np.float32(1.0),
        "w4": weight(7, c),
        "b4": np.zeros(7, np.float32),
    }
    return graph(nodes, {"x": (batch, 3, 12, 10)}, {"y": (batch, 7)}, {k: np.asarray(v) for k, v in weights.items()})
