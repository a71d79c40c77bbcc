"""A chain of layers as a graph of torch.fx: references that look for layers behind each other trace it."""

from __future__ import annotations

import operator
from typing import Any

import onnx
import torch
from torch import fx, nn

from benchmarks.references.as_torch import TorchModel

__all__ = ["traced", "without_bounds"]


def without_bounds(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which every Clip is a Relu: what references make of ReLU6 before they equalize."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    for node in found.graph.node:
        if node.op_type == "Clip":
            node.op_type = "Relu"
            del node.input[1:]
    return found


def traced(model: TorchModel, proto: onnx.ModelProto) -> fx.GraphModule:
    """The graph that calls the layers of ``model``; what a pass does to them in place, ``model`` has too.

    Args:
        model: made of ``proto``.
        proto: layers with weights, Relu, Add, GlobalAveragePool and Flatten alone.

    Raises:
        ValueError: another operator.
    """
    graph, at = fx.Graph(), {name: place for place, name in enumerate(model.layer_names)}
    values: dict[str, Any] = {value.name: graph.placeholder(value.name) for value in proto.graph.input}
    model.add_module("relu", nn.ReLU())
    model.add_module("pool", nn.AdaptiveAvgPool2d(1))
    for node in proto.graph.node:
        first = values[node.input[0]]
        if node.name in at:
            found = graph.call_module(f"layers.all.{at[node.name]}", (first,))
        elif node.op_type in ("Relu", "GlobalAveragePool"):
            found = graph.call_module("relu" if node.op_type == "Relu" else "pool", (first,))
        elif node.op_type == "Flatten":
            found = graph.call_function(torch.flatten, (first, 1))
        elif node.op_type == "Add":
            found = graph.call_function(operator.add, (first, values[node.input[1]]))
        else:
            raise ValueError(f"{node.op_type} has no counterpart here")
        values[node.output[0]] = found
    graph.output(values[proto.graph.output[0].name])
    return fx.GraphModule(model, graph)
