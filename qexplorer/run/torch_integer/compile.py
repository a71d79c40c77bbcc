"""From a graph to the steps that run it: quantized layers on integer codes, everything else as written.

A layer between quantizers becomes one step that reads codes and makes codes. What no step can take as codes is executed
node by node in float, DequantizeLinear before it and QuantizeLinear behind it. Steps that nobody reads are dropped, and
what depends on constants alone is computed once, here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import KernelKind
from qexplorer.run.torch_integer.coded import average_step, max_pool_step, moved_step, table_step
from qexplorer.run.torch_integer.floats import float_step
from qexplorer.run.torch_integer.layers import product_step
from qexplorer.run.torch_integer.operators import OPERATORS, operator_step
from qexplorer.run.torch_integer.quantized_graph import QuantizedGraph
from qexplorer.run.torch_integer.step import ProgramStep
from qexplorer.torchgraph.graph import Graph, missing_in
from qexplorer.torchgraph.host import HostNode, host_nodes

if TYPE_CHECKING:
    import onnx

__all__ = ["Program", "compile_graph"]

Build = Callable[[QuantizedGraph, "onnx.NodeProto", torch.device], "ProgramStep | None"]

_PRODUCTS = ("Conv", "Gemm", "MatMul")
_POOLS: dict[str, Build] = {
    "MaxPool": max_pool_step,
    "GlobalMaxPool": max_pool_step,
    "AveragePool": average_step,
    "GlobalAveragePool": average_step,
    "ReduceMean": average_step,
}


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled graph.

    Attributes:
        steps: in execution order.
        free: for each step, the tensors that no later step reads.
        constants: tensors that are known before anything runs, on the device (shapes: NumPy).
    """

    steps: tuple[ProgramStep, ...]
    free: tuple[tuple[str, ...], ...]
    constants: dict[str, Any]


def compile_graph(graph: Graph, device: torch.device, *, integers: bool) -> Program:
    """The steps for ``graph``.

    Args:
        graph: as torchgraph reads it.
        device: where it will run.
        integers: False to execute every node as written, which is the simulation.

    Raises:
        BackendError: an operator that torch has no kernel for.
    """
    missing = tuple(missing_in(graph, OPERATORS))
    if missing:
        raise BackendError(f"PyTorch has no kernel here for {', '.join(missing)}", do="choose onnxruntime for it")
    view, on_host = QuantizedGraph(graph), host_nodes(graph)
    steps: list[ProgramStep] = []
    waiting: dict[
        str, ProgramStep
    ] = {}  # fused steps run where their quantizer stands: all that they read is there by then
    for index, node in enumerate(graph.nodes):
        if index in on_host:
            steps.append(_host_step(view, node))
        elif node.op_type in OPERATORS and not node.domain:
            steps.append(operator_step(view, node, device))
        elif node.output[0] in waiting:
            steps.append(waiting[node.output[0]])
        else:
            fused = _integer_step(view, node, device) if integers and not node.domain else None
            if fused is not None and fused.writes[0] not in node.output:
                waiting[fused.writes[0]] = fused
            else:
                steps.append(fused or float_step(view, node, device))
    return _program(_live(steps, graph.outputs), view, device)


def _integer_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep | None:
    if node.op_type in _PRODUCTS:
        return product_step(view, node, device)
    if node.op_type in _POOLS:
        return _POOLS[node.op_type](view, node, device)
    return table_step(view, node, device) or moved_step(view, node, device)


def _host_step(view: QuantizedGraph, node: onnx.NodeProto) -> ProgramStep:
    """A step that computes shapes in the processor's memory."""
    call = HostNode(node, view.graph.opset(node))
    known = {i: view.constants[name].numpy() for i, name in enumerate(node.input) if name in view.constants}

    def compute(*inputs: Tensor | None) -> tuple[Any, ...]:
        return call(*(known.get(i, value) for i, value in enumerate(inputs)))

    return ProgramStep(
        node.name, node.op_type, KernelKind.MOVES, _named(node), tuple(node.input), tuple(node.output), compute
    )


def _named(node: onnx.NodeProto) -> tuple[str, ...]:
    return (node.name,) if node.name else ()


def _live(steps: list[ProgramStep], outputs: Sequence[str]) -> list[ProgramStep]:
    """The steps that somebody needs."""
    read, kept = set(outputs), []
    for step in reversed(steps):
        if read & set(step.writes):
            kept.append(step)
            read.update(step.reads)
    return kept[::-1]


def _program(steps: list[ProgramStep], view: QuantizedGraph, device: torch.device) -> Program:
    """Runs what is constant, and finds out how long each tensor is needed."""
    values: dict[str, Any] = {name: value.to(device) for name, value in view.constants.items()}
    left = []
    for step in steps:
        if all(not name or name in values for name in step.reads):
            made = step.run([values[name] if name else None for name in step.reads])
            values.update((n, v) for n, v in zip(step.writes, made, strict=False) if n)
        else:
            left.append(step)
    kept, free = set(view.graph.outputs), []
    for step in reversed(left):
        last = [name for name in {*step.reads, *step.writes} if name and name not in kept and name not in values]
        free.append(tuple(last))
        kept.update(last)
    read = {name for step in left for name in step.reads} | set(view.graph.outputs)
    return Program(tuple(left), tuple(reversed(free)), {name: v for name, v in values.items() if name in read})
