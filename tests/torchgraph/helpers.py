"""What the tests of the executor share: running a graph in ONNX Runtime and in torch, and comparing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.errors import ModelError
from qexplorer.torchgraph.executor import GraphModule
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.operators import operator_names
from qexplorer.torchgraph.registry import Host, as_host, find

Array = np.ndarray[Any, Any]

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")),
]
"""Both devices; CUDA is skipped where there is none."""


def in_onnxruntime(model: onnx.ModelProto | Path, feeds: Mapping[str, Array]) -> list[Array]:
    """Outputs of ONNX Runtime, unoptimized, in float between quantizers."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.add_session_config_entry("session.disable_quant_qdq", "1")
    settings.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "0")
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, dict(feeds))
    return found


def in_torch(module: GraphModule, feeds: Mapping[str, Array], device: str = "cpu") -> list[Array]:
    """Outputs of the executor."""
    module = module.to(device).eval()
    with torch.no_grad():
        found = module(*(torch.from_numpy(feeds[name]).to(device) for name in module.input_names))
    return [output.cpu().numpy() for output in found]


def random_feeds(model: onnx.ModelProto, batch: int, seed: int = 0) -> dict[str, Array]:
    """Normal random inputs; free dimensions become ``batch``."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for item in model.graph.input:
        shape = [dim.dim_value or batch for dim in item.type.tensor_type.shape.dim]
        feeds[item.name] = rng.standard_normal(shape).astype(np.float32)
    return feeds


def relative(found: Array, wanted: Array) -> float:
    """The largest difference in units of the largest value wanted."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    difference = np.abs(found.astype(np.float64) - wanted.astype(np.float64)).max()
    return float(difference / max(np.abs(wanted.astype(np.float64)).max(), 1e-30))


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, ...]],
    outputs: list[str],
    constants: Mapping[str, Array | TensorProto],
    opset: int = 21,
) -> onnx.ModelProto:
    """A small model: float32 inputs of given shapes, outputs of any shape."""
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    items = []
    for name, value in constants.items():
        item = onnx.TensorProto()
        item.CopyFrom(value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name))
        item.name = name
        items.append(item)
    graph = helper.make_graph(nodes, "small", kinds, results, items)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run_node(
    node: onnx.NodeProto, inputs: Sequence[torch.Tensor | Host | None], opset: int, types: Sequence[int] = ()
) -> tuple[torch.Tensor, ...]:
    """The outputs of one node.

    Args:
        node: its operator and attributes.
        inputs: a tensor for each input; None for one left out. Shapes, axes and the like may be NumPy arrays, which
            saves the wait for a device.
        opset: version of the node's operator set.
        types: ONNX element types of the inputs, needed only where 4- and 2-bit integers, carried by int8, are meant.

    Raises:
        ModelError: no kernel for the operator in this version.
    """
    entry = find(node.op_type, node.domain, opset)
    if entry is None:
        what = f"torchgraph has no operator {node.op_type} (opset {opset})"
        raise ModelError(what, where=node.name or None, allowed=", ".join(operator_names()))
    settings = Node.of(node, opset, types)
    arguments = [
        as_host(value) if value is not None and index in entry.host else value for index, value in enumerate(inputs)
    ]
    found = entry.kernel(settings, *arguments)
    return found if isinstance(found, tuple) else (found,)
