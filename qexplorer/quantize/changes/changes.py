"""What algorithms changed in a plan, as one value, and the plan with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from qexplorer.quantize.plan_types import ChangedConstant, LayerPlan, Plan, TensorPlan, Worked

__all__ = ["Changes", "changed_plan", "with_remarks"]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Everything that algorithms changed in one plan.

    Attributes:
        constants: constants with other values.
        tensors: grids and codes that are new or other ones, by key (see ``Plan.tensors``).
        uses: the key that a layer's constant input has now, by layer and input position.
        remarks: what was changed or why it was not, clauses by layer.
        worked: what each algorithm said and took.
    """

    constants: tuple[ChangedConstant, ...] = ()
    tensors: Mapping[str, TensorPlan] = field(default_factory=dict)
    uses: Mapping[tuple[str, int], str] = field(default_factory=dict)
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    worked: tuple[Worked, ...] = ()


def changed_plan(plan: Plan, changes: Changes) -> Plan:
    """``plan`` with ``changes``; constants that no layer uses any more are left out."""
    uses = {layer: dict(keys) for layer, keys in plan.constants.items()}
    for (layer, position), key in changes.uses.items():
        uses.setdefault(layer, {})[position] = key
    needed = {key for keys in uses.values() for key in keys.values()}
    tensors = plan.tensors | dict(changes.tensors)
    constants = {(each.layer, each.position): each for each in (*plan.changed, *changes.constants)}
    found = replace(
        plan,
        tensors={key: tensor for key, tensor in tensors.items() if tensor.kind == "activation" or key in needed},
        constants=uses,
        changed=tuple(constants.values()),
        worked=(*plan.worked, *changes.worked),
    )
    return replace(found, layers=with_remarks(_counted(plan, found), changes.remarks))


def _counted(before: Plan, after: Plan) -> tuple[LayerPlan, ...]:
    """Layers with the bytes of their weights: one that layers shared may have become one for each."""
    counted, found = set[str](), []
    for layer in after.layers:
        keys = after.constants.get(layer.name, {}).values()
        key = next((key for key in keys if after.tensors[key].kind == "weight"), None)
        if key is None or not layer.parameters:
            found.append(layer)
            continue
        told = key in counted or _is_turned(key, before, after)
        size = 0 if told else layer.weight_bytes or after.tensors[key].grid.packed_bytes(layer.parameters)
        found.append(replace(layer, weight_bytes=size))
        counted.add(key)
    return tuple(found)


def _is_turned(key: str, before: Plan, after: Plan) -> bool:
    """Whether a weight, on the first layer that reads it, was no more than a table turned over, and still is."""
    first = next((each for each in before.layers if key in before.constants.get(each.name, {}).values()), None)
    if first is None or first.weight_bytes:
        return False
    tables = [other for other, tensor in before.tensors.items() if before.tensors[key].turns(tensor)]
    return any(other in after.tensors and after.tensors[key].turns(after.tensors[other]) for other in tables)


def with_remarks(layers: tuple[LayerPlan, ...], remarks: Mapping[str, tuple[str, ...]]) -> tuple[LayerPlan, ...]:
    """``layers`` with more behind their reasons."""
    return tuple(replace(each, reason="; ".join([each.reason, *remarks.get(each.name, ())])) for each in layers)
