"""What a mix can cost, as data: what each kind is called, in which unit it is told, and whether it has to be timed."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.errors import InputError

__all__ = [
    "BIT_OPERATIONS",
    "BUDGETS",
    "COSTS",
    "ENERGY_MJ",
    "LATENCY_MS",
    "WEIGHT_BYTES",
    "CostKind",
    "cost_kind",
    "cost_of_budget",
]

WEIGHT_BYTES = "weight_bytes"
BIT_OPERATIONS = "bit_operations"
LATENCY_MS = "latency_ms"
ENERGY_MJ = "energy_mj"


@dataclass(frozen=True, slots=True)
class CostKind:
    """One kind.

    Attributes:
        name: with its unit, as costs are told by.
        budget: what a fraction of int8's is called: without a unit of time or energy, because it is none.
        title: as people do.
        least: what the mix with the least of it is called, such as ``smallest``.
        timed: whether it is measured on a backend.
    """

    name: str
    budget: str
    title: str
    least: str
    timed: bool = False


COSTS: dict[str, CostKind] = {
    kind.name: kind
    for kind in (
        CostKind(WEIGHT_BYTES, WEIGHT_BYTES, "weights", "smallest"),
        CostKind(BIT_OPERATIONS, BIT_OPERATIONS, "bit operations", "one with the fewest bit operations"),
        CostKind(LATENCY_MS, "latency", "latency", "fastest", timed=True),
        CostKind(ENERGY_MJ, "energy", "energy", "one with the least energy", timed=True),
    )
}
"""All of them: packed bytes of weights (codes, scales, zero points); multiply-accumulates times the bits of weights and
of activations (32 for a float); milliseconds of one call; millijoules of one call."""


BUDGETS: dict[str, CostKind] = {kind.budget: kind for kind in COSTS.values()}
"""The same by what their budgets are called."""


def cost_kind(name: str) -> CostKind:
    """The kind called ``name``, or whose budgets are. Raises InputError."""
    found = COSTS.get(name) or BUDGETS.get(name)
    if found is None:
        raise InputError(f"there is no cost called '{name}'", allowed=", ".join(COSTS))
    return found


def cost_of_budget(name: str) -> CostKind:
    """The kind of a budget called ``name``, a fraction of int8's. Raises InputError."""
    if name in BUDGETS:
        return BUDGETS[name]
    if name in COSTS:
        what, own = f"a budget is a fraction of int8's, and '{name}' has a unit", COSTS[name].budget
        raise InputError(what, where="budget", allowed=own, do=f"give {own}, such as {own}=0.8")
    raise InputError(f"there is no budget called '{name}'", where="budget", allowed=", ".join(BUDGETS))
