"""The float graph with an Identity at every place where a layer that is quantized alone would round, and what stands
there while gradients are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from qexplorer.core.model import Model
from qexplorer.graph.index import GraphIndex
from qexplorer.graph.walk import names_inside
from qexplorer.quantize.emit.writer import GraphWriter
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.sensitivity.groups import LayerGroup

if TYPE_CHECKING:
    import onnx

__all__ = ["Probe", "ProbePoint", "probe_graph"]


class Probe(nn.Module):
    """Passes on what it is given.

    Attributes:
        value: what was passed on in the last run, as a tensor that gradients can be taken of; None of whole numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``x``, with a gradient of its own."""
        if not x.is_floating_point():
            self.value = None
            return x
        self.value = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        return self.value


@dataclass(frozen=True, slots=True)
class ProbePoint:
    """One rounding point.

    Attributes:
        group: the layer that it belongs to.
        kind: ``weight``, ``bias`` or ``activation``.
        output: what its Identity makes.
        tensor: key of the plan's tensor; empty for what is rounded on the range that it has as the model runs.
        layer: the layer that reads the constant; empty for activations.
        position: input position of the constant.
    """

    group: str
    kind: str
    output: str
    tensor: str
    layer: str = ""
    position: int = -1

    @property
    def constant(self) -> bool:
        """Whether what is rounded is stored with the graph."""
        return bool(self.layer)


def probe_graph(
    model: Model, view: GraphIndex, plan: Plan, groups: Sequence[LayerGroup]
) -> tuple[onnx.ModelProto, list[ProbePoint]]:
    """Writes the graph; each reader of an activation has a point of its own.

    Args:
        model: in float.
        view: its graph.
        plan: the grids.
        groups: of the plan.
    """
    proto = model.proto()
    nodes = {node.output[0]: node for node in proto.graph.node if node.output}
    writer = GraphWriter(names_inside(proto.graph))
    points: list[ProbePoint] = []
    in_front: dict[str, list[onnx.NodeProto]] = {}
    behind: dict[str, list[onnx.NodeProto]] = {}

    def add(name: str, layer: str, place: dict[str, list[onnx.NodeProto]]) -> str:
        output = writer.add("Identity", [name], f"{layer}/{name}/probe")
        place.setdefault(layer, []).append(writer.nodes[-1])
        return output

    for group in groups:
        for member in group.members:
            node = nodes[view.nodes[member].output[0]]
            for position, key in plan.constants.get(member, {}).items():
                output = add(node.input[position], member, in_front)
                node.input[position] = output
                points.append(ProbePoint(group.name, _kind(plan, group, position, key), output, key, member, position))
        head = nodes[view.nodes[group.name].output[0]]
        for tensor in (*group.reads, *((head.input[0],) if group.treatment == "dynamic" else ())):
            output = add(tensor, group.name, in_front)
            for position, name in enumerate(head.input):
                if name == tensor:
                    head.input[position] = output
            points.append(ProbePoint(group.name, "activation", output, tensor if group.reads else ""))
        if group.makes is not None:
            points.append(_behind(group, view, nodes, writer, behind))
    ordered = []
    for node in proto.graph.node:
        label = node.name
        ordered += [*in_front.get(label, []), node, *behind.get(label, [])]
    kept = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    return proto, points


def _kind(plan: Plan, group: LayerGroup, position: int, key: str) -> str:
    """A constant operand has the grid of an activation."""
    if plan.tensors[key].kind == "bias":
        return "bias"
    return "weight" if position in group.weights else "activation"


def _behind(
    group: LayerGroup,
    view: GraphIndex,
    nodes: dict[str, onnx.NodeProto],
    writer: GraphWriter,
    behind: dict[str, list[onnx.NodeProto]],
) -> ProbePoint:
    """Puts an Identity behind what the group makes; all readers read it."""
    tensor = group.makes or ""
    maker = nodes[view.order[view.made_at[tensor]].output[0]]
    raw = writer.fresh(f"{tensor}/unprobed")
    maker.output[list(maker.output).index(tensor)] = raw
    writer.add("Identity", [raw], tensor, exact=True)
    behind.setdefault(maker.name, []).append(writer.nodes[-1])
    return ProbePoint(group.name, "activation", tensor, tensor)
