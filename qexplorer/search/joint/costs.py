"""What a plan costs: packed bytes of weights, and bit operations."""

from __future__ import annotations

from qexplorer.core.formats import get_format
from qexplorer.core.model import Model
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.joint.joint_types import BIT_OPERATIONS, WEIGHT_BYTES

__all__ = ["costs_of"]

_FLOAT_BITS = 32


def costs_of(model: Model, plan: Plan) -> dict[str, float]:
    """Costs by name.

    Bit operations are multiply-accumulates of one sample times bits of a weight times bits of an activation, the sum
    over layers (Baskin et al. 2021, UNIQ, section 4, without its additions); what stays in float has 32.
    """
    macs = {layer.name: layer.macs or 0 for layer in model.layers}
    operations = sum(float(macs[each.name]) * _bits(each.weights) * _bits(each.activations) for each in plan.layers)
    return {WEIGHT_BYTES: float(sum(layer.weight_bytes for layer in plan.layers)), BIT_OPERATIONS: operations}


def _bits(told: str | None) -> float:
    """Of ``int4 per channel, carried by int8``."""
    return _FLOAT_BITS if told is None else float(get_format(told.split()[0].rstrip(",")).bits)
