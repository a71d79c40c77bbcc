"""A plan in which only some groups are on their grids, and of those weights, activations or both."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.plan_types import LayerPlan, Plan, TensorPlan
from qexplorer.search.sensitivity.groups import LayerGroup
from qexplorer.search.sensitivity.sensitivity_types import Rounded

__all__ = ["restricted", "why_not"]


def why_not(group: LayerGroup, rounded: Rounded) -> str | None:
    """Why a group has no such variant, as a clause; None if it has."""
    if rounded is Rounded.WEIGHTS and not group.weights:
        return "it has no weight on a grid"
    if rounded is Rounded.ACTIVATIONS and not group.has_activations:
        return "the recipe leaves its activations in float"
    if rounded is not Rounded.BOTH and group.treatment in ("dynamic", "half"):
        return "its weights and activations cannot be rounded one without the other"
    return None


def restricted(plan: Plan, view: GraphIndex, groups: Iterable[LayerGroup], rounded: Rounded) -> Plan:
    """``plan`` with every layer outside ``groups`` in float.

    Args:
        plan: of the whole model.
        view: the whole model's graph.
        groups: which stay on their grids.
        rounded: what of them; see :func:`why_not`.
    """
    chosen = {name: group for group in groups if why_not(group, rounded) is None for name in group.members}
    layers = {name: _treated(plan.layer(name), group, rounded) for name, group in chosen.items()}
    constants = {name: kept for name, group in chosen.items() if (kept := _constants(plan, name, group, rounded))}
    tensors = {key: plan.tensors[key] for keys in constants.values() for key in keys.values()}
    if rounded is not Rounded.WEIGHTS:
        tensors |= _activations(plan, view, [name for name, layer in layers.items() if layer.treatment in _ON_GRIDS])
    return Plan(
        layers=tuple(layers.get(each.name, _in_float(each)) for each in plan.layers),
        tensors=tensors,
        constants=constants,
        calibrated=plan.calibrated,
        changed=tuple(each for each in plan.changed if each.layer in chosen),
    )


_ON_GRIDS = ("quantized", "passthrough")


def _in_float(layer: LayerPlan) -> LayerPlan:
    return replace(layer, treatment="float", weights=None, activations=None)


def _treated(layer: LayerPlan, group: LayerGroup, rounded: Rounded) -> LayerPlan:
    if rounded is not Rounded.WEIGHTS or group.treatment == "weight-only":
        return layer
    return replace(layer, treatment="weight-only") if layer.name == group.name else _in_float(layer)


def _constants(plan: Plan, name: str, group: LayerGroup, rounded: Rounded) -> dict[int, str]:
    """Keys of the constants of one member that are on a grid; biases only beside rounded weights and activations."""
    found = plan.constants.get(name, {})
    if rounded is Rounded.BOTH:
        return found
    weights = group.weights if name == group.name else ()
    if rounded is Rounded.WEIGHTS:
        return {position: key for position, key in found.items() if position in weights}
    return {p: key for p, key in found.items() if p not in weights and plan.tensors[key].kind != "bias"}


def _activations(plan: Plan, view: GraphIndex, names: Collection[str]) -> dict[str, TensorPlan]:
    """Grids of what some layers read and make."""
    touched = (tensor for name in names for tensor in (*view.nodes[name].input, *view.nodes[name].output))
    found = {tensor: plan.tensors[tensor] for tensor in touched if tensor in plan.tensors}
    return {tensor: each for tensor, each in found.items() if each.kind == "activation"}
