"""The lower convex hull of all allocations over one resource: what a slider follows while it moves.

For each price of the resource the best choice of each group is a corner of the group's own lower hull, so that walking
all groups' edges from the steepest on gives every point of the hull (Lagrange multipliers; Everett 1963, Generalized
Lagrange Multiplier Method, theorem 1). With pairs the best allocation at a price is found by elimination, and prices by
halving: between two points of the hull lies another one exactly if it is better at the price that both are worth.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qexplorer.search.allocation.elimination import Priced
from qexplorer.search.allocation.problem import Allocation, AllocationProblem, totals

__all__ = ["best_on_hull", "hull"]

Float64 = NDArray[np.float64]
_FINEST, _FIRST, _ROUNDS = 1 / 64, 24, 2
"""With pairs: points that lie nearer than this share of all costs are not looked between; prices that are tried at once
in the beginning; and how many times it is looked between points."""
_TIE = 1e-9


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
    """Allocations on the lower hull, from the cheapest to the one with the least loss: all, or with pairs as many as
    can be drawn apart."""
    if problem.pair_loss or problem.pair_costs.get(resource):
        return _with_pairs(problem, resource)
    corners, steps = _steps(problem, resource)
    chosen = [kept[0] for kept in corners]
    found = [tuple(chosen)]
    for _, group, choice in steps:
        chosen[group] = choice
        found.append(tuple(chosen))
    return tuple(totals(problem, found))


def _steps(problem: AllocationProblem, resource: str) -> tuple[list[list[int]], list[tuple[float, int, int]]]:
    """Corners of each group, and the edges between them (slope, group, choice), the steepest first."""
    costs = problem.costs[resource]
    corners = [_corners(cost, loss) for cost, loss in zip(costs, problem.loss, strict=True)]
    steps = sorted(
        ((_slope(costs[g], problem.loss[g], a, b), g, b) for g, kept in enumerate(corners) for a, b in pairwise(kept)),
        key=lambda step: step[0],
    )
    return corners, steps


def _with_pairs(problem: AllocationProblem, resource: str) -> tuple[Allocation, ...]:
    priced = Priced(problem, resource)
    spread_loss, spread_cost = (
        max(sum(float(np.ptp(row)) for row in rows), 1e-300) for rows in (problem.loss, problem.costs[resource])
    )
    slopes = [-slope for slope, _, _ in _steps(problem, resource)[1]]
    weights = [(_TIE / spread_loss, 1 / spread_cost), (1 / spread_loss, _TIE / spread_cost)]
    weights += [(1.0, price) for price in slopes[:: max(1, len(slopes) // _FIRST)]]
    found: dict[tuple[int, ...], Allocation] = {}
    for _ in range(_ROUNDS):
        made = totals(problem, [tuple(row) for row in priced.best(weights).tolist()])
        fresh = [each for each in made if each.chosen not in found]
        found |= {each.chosen: each for each in fresh}
        points = _lowest(list(found.values()), resource)
        whole = points[-1].costs[resource] - points[0].costs[resource]
        between = [
            (b.costs[resource] - a.costs[resource], a.loss - b.loss)
            for a, b in pairwise(points)
            if b.costs[resource] - a.costs[resource] > _FINEST * whole
        ]
        weights = [pair for pair in between if pair not in weights]
        if not fresh or not weights:
            break
    return _lowest(list(found.values()), resource)


def _lowest(points: list[Allocation], resource: str) -> tuple[Allocation, ...]:
    """Corners of the lower hull of points, from the cheapest to the one with the least loss."""
    cost, loss = (np.array(values) for values in ([p.costs[resource] for p in points], [p.loss for p in points]))
    return tuple(points[at] for at in _corners(cost, loss))


def best_on_hull(points: tuple[Allocation, ...], resource: str, budget: float) -> Allocation | None:
    """The point with the least loss within a budget; None if none is."""
    within = [point for point in points if point.costs[resource] <= budget * (1 + 1e-12)]
    return min(within, key=lambda point: point.loss, default=None)
