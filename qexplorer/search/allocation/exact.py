"""The best allocation under budgets as an integer program, solved by HiGHS through SciPy.

One binary variable for each choice of each group, one of them 1; a variable between 0 and 1 for each pair that matters,
tied to its two choices from below where it adds and from above where it takes away, so that it is 1 exactly where both
are taken. Before that, choices which another one of the group beats in loss and in every cost are left out, and, with
one resource, those that cannot belong to any allocation better than one that is known (their Lagrangian bound is
worse; Pisinger 1995, A minimal algorithm for the multiple-choice knapsack problem, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import InputError
from qexplorer.search.allocation.hull import best_on_hull, hull
from qexplorer.search.allocation.problem import Allocation, AllocationProblem, PairTerm

__all__ = ["greedy", "solve"]

Float64 = NDArray[np.float64]
_SECONDS = 20.0


def solve(problem: AllocationProblem, budgets: Mapping[str, float], *, seconds: float = _SECONDS) -> Allocation:
    """The allocation with the least loss, pairs included, within all budgets.

    Args:
        problem: what is to be chosen.
        budgets: the most that may be used of each resource.
        seconds: after so long the best that was found is taken.

    HiGHS may print a line of its own to the standard output: a process whose output is read calls this in a child.

    Raises:
        InputError: no allocation is within the budgets, or a budget names no resource.
    """
    for name in budgets:
        if name not in problem.costs:
            raise InputError(f"there is no resource '{name}'", allowed=", ".join(problem.costs))
    known = _known(problem, budgets)
    kept = _worth_asking(problem, budgets, known)
    if all(len(each) == 1 for each in kept):
        return _checked(problem, [each[0] for each in kept], budgets)
    found = _checked(problem, _milp(problem, kept, budgets, seconds, known), budgets)
    return found if known is None or found.loss <= known.loss else known


def _known(problem: AllocationProblem, budgets: Mapping[str, float]) -> Allocation | None:
    """A good allocation under one budget, found at once: the best of the hull, and greedy steps from there."""
    if len(budgets) != 1:
        return None
    ((resource, budget),) = budgets.items()
    start = best_on_hull(hull(problem, resource), resource, budget)
    return None if start is None else greedy(problem, resource, budget, start=start)


def _checked(problem: AllocationProblem, chosen: Sequence[int], budgets: Mapping[str, float]) -> Allocation:
    if not problem.fits(chosen, budgets):
        raise _nothing_fits(problem, budgets)
    return Allocation.of(problem, chosen)


def _nothing_fits(problem: AllocationProblem, budgets: Mapping[str, float]) -> InputError:
    least = {name: sum(float(row.min()) for row in problem.costs[name]) for name in budgets}
    allowed = ", ".join(f"{name} of at least {value:.6g}" for name, value in least.items())
    return InputError("nothing fits into this budget", allowed=allowed, do="allow more, or give layers smaller choices")


def _worth_asking(
    problem: AllocationProblem, budgets: Mapping[str, float], known: Allocation | None
) -> list[list[int]]:
    """Choices that can be part of the answer, for each group."""
    paired = {
        (group, choice)
        for terms in (problem.pair_loss, *problem.pair_costs.values())
        for t in terms
        for group, choice in ((t.first, t.choice), (t.second, t.other))
    }
    kept = []
    for group, loss in enumerate(problem.loss):
        rows = np.stack([loss, *(problem.costs[name][group] for name in budgets)])
        alone = np.array([(group, c) not in paired for c in range(len(loss))])  # what a pair adds is not known yet
        kept.append([c for c in range(len(loss)) if not (alone[c] and _is_beaten(rows, c, alone))])
    if known is not None and not paired:
        ((resource, budget),) = budgets.items()
        return _within_bound(problem, kept, resource, budget, known)
    return kept


def _is_beaten(rows: Float64, choice: int, by: NDArray[np.bool_]) -> bool:
    """Whether another choice, one of ``by``, is nowhere worse and somewhere better, or the same and earlier."""
    mine = rows[:, choice : choice + 1]
    nowhere_worse = (rows <= mine).all(0)
    better = (rows < mine).any(0)
    earlier = np.arange(rows.shape[1]) < choice
    return bool((nowhere_worse & (better | earlier) & by).any())


def _within_bound(
    problem: AllocationProblem, kept: list[list[int]], resource: str, budget: float, known: Allocation
) -> list[list[int]]:
    """Without choices whose Lagrangian bound is above the loss of the allocation that is known."""
    points = hull(problem, resource)
    below = best_on_hull(points, resource, budget)
    assert below is not None, "known begins there"
    better = [point for point in points if point.loss < below.loss]
    if not better:
        return [[choice] for choice in below.chosen]
    above = min(better, key=lambda point: point.costs[resource])
    price = (below.loss - above.loss) / max(above.costs[resource] - below.costs[resource], 1e-300)
    priced = [loss + price * cost for loss, cost in zip(problem.loss, problem.costs[resource], strict=True)]
    least = [float(row.min()) for row in priced]
    bound = sum(least) - price * budget
    slack = known.loss - bound + 1e-9 * abs(known.loss)
    return [
        [c for c in each if priced[group][c] - least[group] <= slack] or [int(priced[group].argmin())]
        for group, each in enumerate(kept)
    ]


def greedy(problem: AllocationProblem, resource: str, budget: float, *, start: Allocation | None = None) -> Allocation:
    """From an allocation within the budget (the cheapest if none is given), the step that wins most loss for its cost,
    as long as one fits: what other tools do, and where the exact one begins.

    Raises:
        InputError: not even the cheapest allocation is within the budget.
    """
    costs = problem.costs[resource]
    chosen = [int(row.argmin()) for row in costs] if start is None else list(start.chosen)
    used = problem.cost_of(chosen, resource)
    if used > budget * (1 + 1e-12):
        raise _nothing_fits(problem, {resource: budget})
    while True:
        best: tuple[float, int, int] | None = None
        for group, (cost, loss) in enumerate(zip(costs, problem.loss, strict=True)):
            more, less = cost - cost[chosen[group]], loss[chosen[group]] - loss
            for c in np.flatnonzero((less > 0) & (used + more <= budget)):
                gain = float(less[c] / max(more[c], 1e-12)) if more[c] > 0 else np.inf
                if best is None or gain > best[0]:
                    best = (gain, group, int(c))
        if best is None:
            return Allocation.of(problem, chosen)
        _, group, choice = best
        used += float(costs[group][choice] - costs[group][chosen[group]])
        chosen[group] = choice


def _milp(
    problem: AllocationProblem,
    kept: list[list[int]],
    budgets: Mapping[str, float],
    seconds: float,
    known: Allocation | None,
) -> list[int]:
    """The integer program over the choices that are left.

    HiGHS stops within 1e-6 of the best, absolutely: losses are told in thousandths of what is known to be possible.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    at = {(group, choice): i for i, (group, choice) in enumerate((g, c) for g, each in enumerate(kept) for c in each)}
    pairs = _pairs(problem, budgets)
    n, columns = len(at), len(at) + len(pairs)
    spread = max((float(np.ptp(row)) for row in problem.loss), default=1.0)
    unit = (abs(known.loss) if known is not None and known.loss else spread) / 1000 or 1.0
    objective = np.zeros(columns)
    for (group, choice), i in at.items():
        objective[i] = problem.loss[group][choice] / unit
    loss_of = _by_place(problem.pair_loss)
    for i, place in enumerate(pairs):
        objective[n + i] = loss_of.get(place, 0.0) / unit
    rows = _one_each(kept, at, columns)
    limits: list[tuple[Float64, float, float]] = [*rows]
    for name, budget in budgets.items():
        row, pair_of = np.zeros(columns), _by_place(problem.pair_costs.get(name, ()))
        for (group, choice), i in at.items():
            row[i] = problem.costs[name][group][choice]
        for i, place in enumerate(pairs):
            row[n + i] = pair_of.get(place, 0.0)
        size = max(float(np.abs(row).max()), 1e-300)
        limits.append((row / size, -np.inf, (budget + 1e-9 * max(abs(budget), 1.0)) / size))
    limits += _tied(pairs, at, n, columns)
    matrix = csr_array(np.stack([row for row, _, _ in limits]))
    found = milp(
        objective,
        constraints=LinearConstraint(matrix, [low for _, low, _ in limits], [high for _, _, high in limits]),
        integrality=np.concatenate([np.ones(n), np.zeros(len(pairs))]),
        bounds=Bounds(0, 1),
        options={"time_limit": seconds, "mip_rel_gap": 1e-7},
    )
    if found.x is None:
        raise _nothing_fits(problem, budgets)
    return [max(each, key=lambda c, g=group: found.x[at[g, c]]) for group, each in enumerate(kept)]  # type: ignore[misc]


Place = tuple[int, int, int, int]


def _by_place(terms: Sequence[PairTerm]) -> dict[Place, float]:
    """Values of pairs, those of one pair added up; the group that stands first comes first."""
    found: dict[Place, float] = {}
    for t in terms:
        swap = t.second < t.first
        place = (t.second, t.other, t.first, t.choice) if swap else (t.first, t.choice, t.second, t.other)
        found[place] = found.get(place, 0.0) + t.value
    return found


def _pairs(problem: AllocationProblem, budgets: Mapping[str, float]) -> list[Place]:
    """The pairs that have a variable."""
    places = dict.fromkeys(_by_place(problem.pair_loss))
    for name in budgets:
        places |= dict.fromkeys(_by_place(problem.pair_costs.get(name, ())))
    return list(places)


def _one_each(
    kept: list[list[int]], at: Mapping[tuple[int, int], int], columns: int
) -> list[tuple[Float64, float, float]]:
    rows = []
    for group, each in enumerate(kept):
        row = np.zeros(columns)
        row[[at[group, choice] for choice in each]] = 1.0
        rows.append((row, 1.0, 1.0))
    return rows


def _tied(
    pairs: list[Place], at: Mapping[tuple[int, int], int], n: int, columns: int
) -> list[tuple[Float64, float, float]]:
    """A pair's variable is 1 exactly where both of its choices are taken: y <= a, y <= b, y >= a + b - 1."""
    rows: list[tuple[Float64, float, float]] = []
    for i, (first, choice, second, other) in enumerate(pairs):
        a, b = at[first, choice], at[second, other]
        both = np.zeros(columns)
        both[n + i], both[a], both[b] = 1.0, -1.0, -1.0
        rows.append((both, -1.0, np.inf))
        for one in (a, b):
            row = np.zeros(columns)
            row[n + i], row[one] = 1.0, -1.0
            rows.append((row, -np.inf, 0.0))
    return rows
