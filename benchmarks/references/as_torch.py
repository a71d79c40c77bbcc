"""A float model as a torch module whose layers with weights are torch's own: references look for those.

The graph is run by the project's executor; each MatMul or Gemm with a constant matrix is an ``nn.Linear`` inside, each
Conv an ``nn.Conv2d`` or ``nn.Conv1d``. Whatever a reference does to the layers' weights, and to what they are fed if it
puts modules in their place, is run; the weights can be written back into the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from benchmarks.references.protocol import Arrays
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["Layers", "TorchModel"]


class Layers(nn.Module):
    """All layers with weights, under numbers as names, so that a reference finds them as children of one module."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.all = nn.ModuleList(layers)


class _Calls(nn.Module):
    """Stands in the graph for a node, and calls whichever module is now at the layer's place."""

    def __init__(self, owner: list[Layers], at: int) -> None:
        super().__init__()
        self._owner, self._at = owner, at  # in a list, so that it is no child

    def forward(self, x: Tensor, *_: Tensor) -> Tensor:
        """The layer's output; its constants are the module's."""
        found: Tensor = self._owner[0].all[self._at](x)
        return found


class TorchModel(nn.Module):
    """The model.

    Args:
        model: of float32; layers must read their weights alone.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self._proto, view = model, GraphIndex(model)
        self._weights: list[tuple[onnx.NodeProto, bool]] = []
        modules: list[nn.Module] = []
        for node in model.graph.node:
            made = _module(node, view)
            if made is not None:
                modules.append(made[0])
                self._weights.append((node, made[1]))
        self.layers = Layers(modules)
        calls = {node.output[0]: _Calls([self.layers], at) for at, (node, _) in enumerate(self._weights)}
        self._graph = GraphModule(model, modules=calls)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the nodes that ``layers`` stand for, in their order."""
        return tuple(node.name for node, _ in self._weights)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of ``forward``."""
        return self._graph.input_names

    def forward(self, *inputs: Tensor) -> Tensor:
        """The first output."""
        found: Tensor = self._graph(*inputs)[0]
        return found

    def run(self, samples: Arrays, size: int = 32) -> NDArray[Any]:
        """The first output for all samples."""
        given = [torch.from_numpy(np.ascontiguousarray(samples[name])) for name in self.input_names]
        with torch.no_grad():
            parts = [self(*(each[i : i + size] for each in given)) for i in range(0, len(given[0]), size)]
        found: NDArray[Any] = torch.cat(parts).numpy()
        return found

    def with_weights(self, weight_of: Callable[[nn.Module], Tensor]) -> onnx.ModelProto:
        """The graph with the weights that ``weight_of`` tells of each layer, in torch's layout, and their biases."""
        found = onnx.ModelProto()
        found.CopyFrom(self._proto)
        stored = {item.name: item for item in found.graph.initializer}
        layers: list[Any] = list(self.layers.all)
        for (node, turned), layer in zip(self._weights, layers, strict=True):
            values = weight_of(layer).detach().float().numpy()
            item = stored[node.input[1]]
            item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values.T if turned else values), item.name))
            if len(node.input) > 2 and node.input[2] and layer.bias is not None:
                item = stored[node.input[2]]
                item.CopyFrom(numpy_helper.from_array(layer.bias.detach().float().numpy(), item.name))
        return found


def _module(node: onnx.NodeProto, view: GraphIndex) -> tuple[nn.Module, bool] | None:
    """The layer that a node is, and whether its weight is turned over; None for other nodes."""
    if node.op_type not in ("MatMul", "Gemm", "Conv") or not view.is_constant(node.input[1]):
        return None
    weight = torch.from_numpy(numpy_helper.to_array(view.initializers[node.input[1]]).copy())
    biased = len(node.input) > 2 and bool(node.input[2])
    bias = torch.from_numpy(numpy_helper.to_array(view.initializers[node.input[2]]).copy()) if biased else None
    turned = node.op_type != "Conv" and not (node.op_type == "Gemm" and number(node, "transB", 0))
    layer: nn.Module
    if node.op_type == "Conv":
        layer = _convolution(node, weight, biased)
    elif weight.ndim == 2:
        weight = weight.T.contiguous() if turned else weight
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=biased)
    else:
        return None
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer, turned


def _convolution(node: onnx.NodeProto, weight: Tensor, biased: bool) -> nn.Module:
    given = {item.name: list(item.ints) for item in node.attribute}
    rank = weight.ndim - 2
    pads = given.get("pads") or [0] * (2 * rank)
    if pads[:rank] != pads[rank:]:
        raise ValueError(f"the padding of '{node.name}' differs from end to end")
    groups = int(number(node, "group", 1))
    kind: Any = {1: nn.Conv1d, 2: nn.Conv2d}[rank]
    found: nn.Module = kind(
        weight.shape[1] * groups,
        weight.shape[0],
        tuple(weight.shape[2:]),
        stride=tuple(given.get("strides") or [1] * rank),
        padding=tuple(pads[:rank]),
        dilation=tuple(given.get("dilations") or [1] * rank),
        groups=groups,
        bias=biased,
    )
    return found
