"""What a mix can cost, as data: what each kind is called, in which unit it is told, and whether it has to be timed."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.errors import InputError

__all__ = ["BIT_OPERATIONS", "COSTS", "ENERGY_MJ", "LATENCY_MS", "WEIGHT_BYTES", "CostKind", "cost_kind"]

WEIGHT_BYTES = "weight_bytes"
BIT_OPERATIONS = "bit_operations"
LATENCY_MS = "latency_ms"
ENERGY_MJ = "energy_mj"


@dataclass(frozen=True, slots=True)
class CostKind:
    """One kind.

    Attributes:
        name: as budgets call it.
        title: as people do.
        least: what the mix with the least of it is called, such as ``smallest``.
        timed: whether it is measured on a backend.
    """

    name: str
    title: str
    least: str
    timed: bool = False


COSTS: dict[str, CostKind] = {
    kind.name: kind
    for kind in (
        CostKind(WEIGHT_BYTES, "weights", "smallest"),
        CostKind(BIT_OPERATIONS, "bit operations", "one with the fewest bit operations"),
        CostKind(LATENCY_MS, "latency", "fastest", timed=True),
        CostKind(ENERGY_MJ, "energy", "one with the least energy", timed=True),
    )
}
"""All of them: packed bytes of weights (codes, scales, zero points); multiply-accumulates times the bits of weights and
of activations (32 for a float); milliseconds of one call; millijoules of one call."""


def cost_kind(name: str) -> CostKind:
    """The kind called ``name``. Raises InputError."""
    if name not in COSTS:
        raise InputError(f"there is no cost called '{name}'", allowed=", ".join(COSTS))
    return COSTS[name]
