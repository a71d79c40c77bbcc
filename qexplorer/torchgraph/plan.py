"""From a graph to the steps that compute some of its tensors, in order, with what may be forgotten after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qexplorer.torchgraph.dtypes import CODE_LIMITS
from qexplorer.torchgraph.graph import Graph
from qexplorer.torchgraph.host import HostNode, host_nodes
from qexplorer.torchgraph.kernels.quantization import quantize_dequantize
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import find

if TYPE_CHECKING:
    import onnx

__all__ = ["Step", "pair_of", "steps_for"]


@dataclass(frozen=True, slots=True)
class Step:
    """One node, ready to run.

    Attributes:
        node: settings for the kernel; None for a step in the processor's memory.
        call: the kernel, or a :class:`HostNode`.
        inputs: names, empty where an optional input is left out.
        outputs: names, empty where nobody reads it.
        host: positions of inputs that are read as NumPy values.
        free: names that no later step reads.
    """

    node: Node | None
    call: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    host: tuple[int, ...]
    free: tuple[str, ...] = ()


def steps_for(graph: Graph, wanted: Iterable[str], replaced: Mapping[str, Step]) -> tuple[Step, ...]:
    """The steps that compute ``wanted``.

    A QuantizeLinear and the DequantizeLinear behind it, on the same grid, become one step with a gradient; the codes in
    between are computed only if something else reads them, or if they are wanted.

    Args:
        graph: where the nodes are.
        wanted: names of tensors.
        replaced: steps that stand for nodes, by the name of the node's first output (the weights in training).
    """
    on_host = host_nodes(graph)
    steps = []
    for index, proto in enumerate(graph.nodes):
        if proto.output[0] in replaced:
            steps.append(replaced[proto.output[0]])
        elif index in on_host:
            call = HostNode(proto, graph.opset(proto))
            steps.append(Step(None, call, tuple(proto.input), tuple(proto.output), ()))
        else:
            pair = pair_of(proto, graph)
            steps.append(_single(graph, proto) if pair is None else _paired(graph, pair, proto))
    return _live(steps, tuple(wanted))


def _single(graph: Graph, proto: onnx.NodeProto) -> Step:
    entry = find(proto.op_type, proto.domain, graph.opset(proto))
    assert entry is not None, proto.op_type
    settings = Node.of(proto, graph.opset(proto), [graph.types.get(name, 0) for name in proto.input])
    return Step(settings, entry.kernel, tuple(proto.input), tuple(proto.output), entry.host)


def pair_of(proto: onnx.NodeProto, graph: Graph) -> onnx.NodeProto | None:
    """The QuantizeLinear in front of a DequantizeLinear if both use one integer grid, else None."""
    if proto.op_type != "DequantizeLinear":
        return None
    first = graph.index.maker(proto.input[0])
    if first is None or first.op_type != "QuantizeLinear" or list(first.input[1:]) != list(proto.input[1:]):
        return None
    grids = [{a.name: a.i for a in node.attribute if a.name in ("axis", "block_size")} for node in (first, proto)]
    if grids[0] != grids[1]:
        return None
    given = {a.name: a.i for node in (first, proto) for a in node.attribute}
    kind = graph.types.get(first.input[2], 0) if len(first.input) > 2 else given.get("output_dtype", 2)
    return first if kind in CODE_LIMITS and (len(first.input) > 2 or "output_dtype" not in given) else None


def _paired(graph: Graph, first: onnx.NodeProto, second: onnx.NodeProto) -> Step:
    settings = Node.of(first, graph.opset(first), [graph.types.get(name, 0) for name in first.input])
    return Step(settings, quantize_dequantize, tuple(first.input), tuple(second.output), ())


def _live(steps: list[Step], wanted: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps that somebody needs, each with the names that nobody reads after it."""
    read, kept = set(wanted), []
    for step in reversed(steps):
        if not read & set(step.outputs):
            continue
        last = {name for name in (*step.inputs, *step.outputs) if name and name not in read}
        kept.append(replace(step, free=tuple(sorted(last))))
        read.update(step.inputs)
    return tuple(reversed(kept))
