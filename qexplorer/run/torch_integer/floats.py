"""What is executed as the graph writes it, node by node, and what tables are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

import qexplorer.torchgraph.operators  # noqa: F401  (registers the operators)
from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import KernelKind
from qexplorer.run.torch_integer.quantized_graph import Ending, QuantizedGraph
from qexplorer.run.torch_integer.step import ProgramStep
from qexplorer.torchgraph.complaint import KERNEL_ERRORS, complaint
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, as_host, find

if TYPE_CHECKING:
    import onnx

__all__ = ["applied", "float_step", "kernel_of", "quantized_ends"]

_MOVES_NAMES = """
    Reshape Transpose Flatten Squeeze Unsqueeze Concat Split Slice Gather GatherElements GatherND ScatterND Expand Tile
    Pad Identity DepthToSpace SpaceToDepth Shape Size Cast Where Constant ConstantOfShape Dropout Compress
    ReverseSequence ScatterElements Range
"""
_MOVES = frozenset(_MOVES_NAMES.split())
"""Operators that move data and compute nothing."""

_PROCESSOR = torch.device("cpu")
_KINDS = dict.fromkeys(_MOVES, KernelKind.MOVES) | dict.fromkeys(
    ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"), KernelKind.CONVERTS
)


def kernel_of(
    view: QuantizedGraph, node: onnx.NodeProto, device: torch.device = _PROCESSOR
) -> Callable[..., tuple[Tensor, ...]]:
    """``node`` as a function of its inputs, in the order of the graph, None for one left out.

    Constants that it reads as plain numbers (shapes, axes) are read once, so that no device is waited for.

    Raises:
        BackendError: torch has no kernel for it.
    """
    entry = find(node.op_type, node.domain, view.graph.opset(node))
    if entry is None:
        what = f"no kernel for operator {node.op_type} of operator set {view.graph.opset(node)}"
        raise BackendError(what, where=node.name or None, do="choose onnxruntime for this model")
    settings = Node.of(node, view.graph.opset(node), [view.types.get(name, 0) for name in node.input])
    known: dict[int, Host] = {
        place: as_host(view.constants[name])
        for place, name in enumerate(node.input)
        if place in entry.host and name in view.constants
    }

    def run(*inputs: Tensor | None) -> tuple[Tensor, ...]:
        arguments = [
            known[i] if i in known else _argument(value, i in entry.host, device) for i, value in enumerate(inputs)
        ]
        try:
            found = entry.kernel(settings, *arguments)
        except KERNEL_ERRORS as error:
            raise complaint(settings, error) from error
        return found if isinstance(found, tuple) else (found,)

    return run


def _argument(value: Any, host: bool, device: torch.device) -> Any:
    if value is None:
        return None
    if host:
        return as_host(value)
    return torch.from_numpy(np.array(value)).to(device) if isinstance(value, np.ndarray) else value


def float_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep:
    """A step that executes ``node`` as written. Raises BackendError."""
    kind = _KINDS.get(node.op_type, KernelKind.FLOAT)
    reads, writes = tuple(node.input), tuple(node.output)
    layers = () if not node.name or node.op_type in ("QuantizeLinear", "DequantizeLinear") else (node.name,)
    return ProgramStep(node.name, node.op_type, kind, layers, reads, writes, kernel_of(view, node, device))


def applied(view: QuantizedGraph, nodes: Sequence[onnx.NodeProto], value: Tensor) -> Tensor:
    """What a chain of nodes makes of ``value``, their first input; their other inputs are constants."""
    for node in nodes:
        others = [view.constants[name] if name else None for name in node.input[1:]]
        value = kernel_of(view, node)(value, *others)[0]
    return value


def quantized_ends(view: QuantizedGraph, ending: Ending) -> tuple[int, int]:
    """The smallest and largest code that a chain of Relu and Clip lets through."""
    ends = torch.tensor([float("-inf"), float("inf")])
    low, high = applied(view, (*ending.chain, ending.quantizer), ends).tolist()
    return int(low), int(high)
