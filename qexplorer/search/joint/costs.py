"""What a plan costs: packed bytes of weights, and bit operations."""

from __future__ import annotations

from qexplorer.core.model import Model
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.costs.bits import bit_operations
from qexplorer.search.joint.joint_types import BIT_OPERATIONS, WEIGHT_BYTES

__all__ = ["costs_of"]


def costs_of(model: Model, plan: Plan) -> dict[str, float]:
    """Costs by name."""
    weights = float(sum(layer.weight_bytes for layer in plan.layers))
    return {WEIGHT_BYTES: weights, BIT_OPERATIONS: bit_operations(model, plan)}
