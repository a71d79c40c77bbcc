"""Layers as they are quantized alone: a layer that computes, with those behind it that only hand its codes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qexplorer.graph.index import GraphIndex
from qexplorer.load.operators import QUANTIZABLE, OperatorKind
from qexplorer.quantize.plan_types import Plan, TensorPlan

if TYPE_CHECKING:
    import onnx

__all__ = ["LayerGroup", "groups_of"]

_COMPUTES = ("quantized", "dynamic", "weight-only", "half")


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """What is quantized together.

    Attributes:
        name: of the layer that computes.
        op: its operator type.
        members: its name, then the layers behind it that keep its codes (Relu, MaxPool, Reshape, ...).
        treatment: what the plan does with the layer.
        weights: positions of its inputs that are weights on a grid.
        reads: activations that it reads from a grid, in the order of its inputs.
        makes: the tensor that is rounded behind it; None if it gives floats.
        leads: whether it is worth quantizing by itself; sums and pools are so only between such layers.
    """

    name: str
    op: str
    members: tuple[str, ...]
    treatment: str
    weights: tuple[int, ...] = ()
    reads: tuple[str, ...] = ()
    makes: str | None = None
    leads: bool = True

    @property
    def has_activations(self) -> bool:
        """Whether anything but a weight is rounded."""
        return bool(self.reads) or self.makes is not None or self.treatment in ("dynamic", "half")


def groups_of(plan: Plan, view: GraphIndex) -> tuple[LayerGroup, ...]:
    """The groups of a plan, in execution order.

    Args:
        plan: of the whole model, with its grids.
        view: the graph that the plan is about.
    """
    follows: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for layer in plan.layers:
        if layer.treatment in _COMPUTES:
            members[layer.name] = [layer.name]
            follows[layer.name] = layer.name
        elif layer.treatment == "passthrough":
            maker = view.producer.get(view.nodes[layer.name].input[0], "")
            if maker in follows and plan.layer(follows[maker]).treatment == "quantized":
                follows[layer.name] = follows[maker]
                members[follows[maker]].append(layer.name)
    return tuple(_group(plan, view, name, tuple(inside)) for name, inside in members.items())


def _group(plan: Plan, view: GraphIndex, name: str, members: tuple[str, ...]) -> LayerGroup:
    layer, node, rule = plan.layer(name), view.nodes[name], QUANTIZABLE.get(plan.layer(name).op)
    keys = plan.constants.get(name, {})
    position = None if rule is None else rule.weight_input
    stored = [place for place, key in keys.items() if plan.tensors[key].kind == "weight"]
    weights = tuple(place for place in stored if _is_weight(place, position, node))
    on_grids = layer.treatment == "quantized"
    return LayerGroup(
        name=name,
        op=layer.op,
        members=members,
        treatment=layer.treatment,
        weights=weights,
        reads=tuple(t for t in dict.fromkeys(node.input) if on_grids and _activation(plan.tensors, t)),
        makes=_rounded_behind(plan, view, members) if on_grids else None,
        leads=rule is None or rule.kind is OperatorKind.WEIGHTED or layer.op == "Gather",
    )


def _is_weight(position: int, weight: int | None, node: onnx.NodeProto) -> bool:
    return position == weight or node.op_type == "Gather"


def _activation(tensors: Mapping[str, TensorPlan], name: str) -> bool:
    found = tensors.get(name)
    return found is not None and found.kind == "activation"


def _rounded_behind(plan: Plan, view: GraphIndex, members: Sequence[str]) -> str | None:
    """The first tensor of the group that is on a grid: what follows it keeps its codes."""
    for name in members:
        for output in view.nodes[name].output:
            if _activation(plan.tensors, output):
                return str(output)
    return None


@dataclass(frozen=True, slots=True)
class Places:
    """Where groups stand in a graph.

    Attributes:
        spans: the place of a group's first and last node, by its name.
    """

    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, groups: Sequence[LayerGroup], view: GraphIndex) -> Places:
        """Finds them."""
        found = {}
        for group in groups:
            places = [view.made_at[view.nodes[name].output[0]] for name in group.members]
            found[group.name] = (min(places), max(places))
        return cls(found)
