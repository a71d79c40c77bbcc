"""What is counted from a plan: packed bytes of weights, and bit operations.

Bit operations are multiply-accumulates of one sample times the bits of a weight times the bits of an activation (Baskin
et al. 2021, UNIQ, section 4, without its additions); what stays in float has 32.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from qexplorer.core.formats import get_format
from qexplorer.core.model import Model
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, WEIGHT_BYTES

__all__ = ["bit_operations", "plan_costs"]

_FLOAT_BITS = 32


def plan_costs(model: Model, plan: Plan, names: Collection[str] | None = None) -> dict[str, float]:
    """By kind of cost, of the layers called ``names``, or of all.

    Args:
        model: the network that the plan is about, as algorithms left it.
        plan: of the network.
        names: of its layers.
    """
    layers = [layer for layer in plan.layers if names is None or layer.name in names]
    return {
        WEIGHT_BYTES: float(sum(layer.weight_bytes for layer in layers)),
        BIT_OPERATIONS: bit_operations(model, plan, names),
    }


def bit_operations(model: Model, plan: Plan, names: Iterable[str] | None = None) -> float:
    """Of the layers called ``names``, or of all; 0 for those whose shapes are not known; arguments as for
    :func:`plan_costs`."""
    wanted = None if names is None else set(names)
    macs = {layer.name: float(layer.macs or 0) for layer in model.layers}
    return sum(
        macs[each.name] * _bits(each.weights) * _bits(each.activations)
        for each in plan.layers
        if wanted is None or each.name in wanted
    )


def _bits(told: str | None) -> float:
    """Of ``int4 per channel, carried by int8``."""
    return _FLOAT_BITS if told is None else float(get_format(told.split()[0].rstrip(",")).bits)
