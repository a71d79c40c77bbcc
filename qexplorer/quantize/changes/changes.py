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
    return replace(
        plan,
        layers=with_remarks(plan.layers, changes.remarks),
        tensors={key: tensor for key, tensor in tensors.items() if tensor.kind == "activation" or key in needed},
        constants=uses,
        changed=tuple(constants.values()),
        worked=(*plan.worked, *changes.worked),
    )


def with_remarks(layers: tuple[LayerPlan, ...], remarks: Mapping[str, tuple[str, ...]]) -> tuple[LayerPlan, ...]:
    """``layers`` with more behind their reasons."""
    return tuple(replace(each, reason="; ".join([each.reason, *remarks.get(each.name, ())])) for each in layers)
