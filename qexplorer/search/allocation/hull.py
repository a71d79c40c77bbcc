"""The lower convex hull of all allocations over one resource: what a slider follows while it moves.

For each price of the resource the best choice of each group is a corner of the group's own lower hull, so that walking
all groups' edges from the steepest on gives every point of the hull (Lagrange multipliers; Everett 1963, Generalized
Lagrange Multiplier Method, theorem 1). Pairs are left out here; the exact solution has them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qexplorer.search.allocation.problem import Allocation, AllocationProblem

__all__ = ["best_on_hull", "hull"]

Float64 = NDArray[np.float64]


def _corners(cost: Float64, loss: Float64) -> list[int]:
    """Choices on a group's lower hull, from the cheapest on, each with less loss than the one before."""
    order = np.lexsort((loss, cost))
    kept: list[int] = []
    for at in order:
        if kept and loss[at] >= loss[kept[-1]]:
            continue
        while len(kept) > 1 and _slope(cost, loss, kept[-2], kept[-1]) >= _slope(cost, loss, kept[-1], int(at)):
            kept.pop()
        if kept and cost[at] == cost[kept[-1]]:
            continue
        kept.append(int(at))
    return kept


def _slope(cost: Float64, loss: Float64, a: int, b: int) -> float:
    return float((loss[b] - loss[a]) / (cost[b] - cost[a]))


def hull(problem: AllocationProblem, resource: str) -> tuple[Allocation, ...]:
    """All allocations on the lower hull, from the cheapest to the one with the least loss."""
    costs = problem.costs[resource]
    corners = [_corners(cost, loss) for cost, loss in zip(costs, problem.loss, strict=True)]
    steps = sorted(
        ((_slope(costs[g], problem.loss[g], a, b), g, b) for g, kept in enumerate(corners) for a, b in pairwise(kept)),
        key=lambda step: step[0],
    )
    chosen = [kept[0] for kept in corners]
    found = [tuple(chosen)]
    for _, group, choice in steps:
        chosen[group] = choice
        found.append(tuple(chosen))
    return _along(problem, found)


def _along(problem: AllocationProblem, found: list[tuple[int, ...]]) -> tuple[Allocation, ...]:
    """Allocations that differ in one group each, their sums carried on; pairs as they fall."""
    if problem.pair_loss or problem.pair_costs:
        return tuple(Allocation.of(problem, chosen) for chosen in found)
    table = np.array(found)
    columns = np.arange(table.shape[1])

    def totals(rows: object) -> Float64:
        width = max(len(row) for row in rows)  # type: ignore[attr-defined]
        padded = np.array([np.pad(row, (0, width - len(row))) for row in rows])  # type: ignore[attr-defined]
        return np.asarray(padded[columns, table].sum(1), np.float64)

    loss = totals(problem.loss)
    costs = {name: totals(rows) for name, rows in problem.costs.items()}
    return tuple(
        Allocation(chosen, float(loss[i]), {name: float(total[i]) for name, total in costs.items()})
        for i, chosen in enumerate(found)
    )


def best_on_hull(points: tuple[Allocation, ...], resource: str, budget: float) -> Allocation | None:
    """The point with the least loss within a budget; None if none is."""
    within = [point for point in points if point.costs[resource] <= budget * (1 + 1e-12)]
    return min(within, key=lambda point: point.loss, default=None)
