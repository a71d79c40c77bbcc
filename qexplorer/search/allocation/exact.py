"""The best allocation under budgets as an integer program, solved by HiGHS through SciPy.

One binary variable for each choice of each group, one of them 1. What two groups add together has a variable between 0
and 1 for each pair of classes (choices that no pair tells apart), whose sums over one group's classes are those of the
other's choices: 1 exactly where both are taken, and as tight as pairs in a chain can be (the local polytope; Wainwright
and Jordan 2008, Graphical Models, section 4.1). Before that, choices which another one of their class beats in loss and
in every cost are left out, and, with one resource, those that cannot belong to any allocation better than one that is
known (their Lagrangian bound is worse; Pisinger 1995, A minimal algorithm for the multiple-choice knapsack problem,
section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import InputError
from qexplorer.search.allocation.elimination import Priced
from qexplorer.search.allocation.hull import best_on_hull, hull
from qexplorer.search.allocation.pairs import LOSS, PairTable, classes_of, pair_tables
from qexplorer.search.allocation.problem import Allocation, AllocationProblem
from qexplorer.search.allocation.unprinted import unprinted

__all__ = ["greedy", "solve"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
_SECONDS = 20.0


def solve(problem: AllocationProblem, budgets: Mapping[str, float], *, seconds: float = _SECONDS) -> Allocation:
    """The allocation with the least loss, pairs included, within all budgets.

    Args:
        problem: what is to be chosen.
        budgets: the most that may be used of each resource.
        seconds: after so long the best that was found is taken.

    Raises:
        InputError: no allocation is within the budgets, or a budget names no resource.
    """
    for name in budgets:
        if name not in problem.costs:
            raise InputError(f"there is no resource '{name}'", allowed=", ".join(problem.costs))
    hulls = {name: hull(problem, name) for name in budgets}
    known = _known(problem, budgets, hulls)
    tables = pair_tables(problem, list(budgets))
    classes = classes_of(problem, tables)
    kept = _worth_asking(problem, budgets, classes)
    if known is not None and len(budgets) == 1:
        ((resource, budget),) = budgets.items()
        kept = _within_bound(problem, kept, classes, (resource, budget, hulls[resource]), known)
    if all(len(each) == 1 for each in kept):
        return _checked(problem, [each[0] for each in kept], budgets)
    found = _checked(problem, _milp(problem, kept, budgets, seconds, known, (tables, classes)), budgets)
    return found if known is None or found.loss <= known.loss else known


def _known(
    problem: AllocationProblem, budgets: Mapping[str, float], hulls: Mapping[str, Sequence[Allocation]]
) -> Allocation | None:
    """A good allocation, found at once: the best within all budgets on any hull, and greedy steps from there."""
    points = [point for each in hulls.values() for point in each if problem.fits(point.chosen, budgets)]
    start = min(points, key=lambda point: point.loss, default=None)
    return None if start is None else greedy(problem, budgets, start=start)


def _checked(problem: AllocationProblem, chosen: Sequence[int], budgets: Mapping[str, float]) -> Allocation:
    if not problem.fits(chosen, budgets):
        raise _nothing_fits(problem, budgets)
    return Allocation.of(problem, chosen)


def _nothing_fits(problem: AllocationProblem, budgets: Mapping[str, float]) -> InputError:
    least = {name: sum(float(row.min()) for row in problem.costs[name]) for name in budgets}
    allowed = ", ".join(f"{name} of at least {value:.6g}" for name, value in least.items())
    return InputError("nothing fits into this budget", allowed=allowed, do="allow more, or give layers smaller choices")


def _worth_asking(
    problem: AllocationProblem, budgets: Mapping[str, float], classes: Sequence[Int64]
) -> list[list[int]]:
    """Choices that can be part of the answer, for each group."""
    kept = []
    for group, loss in enumerate(problem.loss):
        rows = np.stack([loss, *(problem.costs[name][group] for name in budgets)])
        alike = classes[group][:, None] == classes[group]
        kept.append([c for c in range(len(loss)) if not _is_beaten(rows, c, alike[c])])
    return kept


def _is_beaten(rows: Float64, choice: int, by: NDArray[np.bool_]) -> bool:
    """Whether another choice of its class, ``by``, is nowhere worse and somewhere better, or the same and earlier."""
    mine = rows[:, choice : choice + 1]
    nowhere_worse = (rows <= mine).all(0)
    better = (rows < mine).any(0)
    earlier = np.arange(rows.shape[1]) < choice
    return bool((nowhere_worse & (better | earlier) & by).any())


def _within_bound(
    problem: AllocationProblem,
    kept: list[list[int]],
    classes: Sequence[Int64],
    along: tuple[str, float, Sequence[Allocation]],
    known: Allocation,
) -> list[list[int]]:
    """Without choices whose Lagrangian bound is above the loss of the allocation that is known.

    Put in the place of the best of its class, a choice adds at least what it is worse by at that price.
    """
    resource, budget, points = along
    below = best_on_hull(tuple(points), resource, budget)
    assert below is not None, "known begins there"
    better = [point for point in points if point.loss < below.loss]
    if better:
        above = min(better, key=lambda point: point.costs[resource])
        price = (below.loss - above.loss) / max(above.costs[resource] - below.costs[resource], 1e-300)
    else:
        price = 0.0
    slack = known.loss - (Priced(problem, resource).bound(price) - price * budget) + 1e-9 * abs(known.loss)
    found = []
    for group, each in enumerate(kept):
        worth = problem.loss[group] + price * problem.costs[resource][group]
        least = {k: float(worth[classes[group] == k].min()) for k in set(classes[group].tolist())}
        inside = [c for c in each if worth[c] - least[int(classes[group][c])] <= slack]
        found.append(inside or [known.chosen[group]])
    return found


def greedy(problem: AllocationProblem, budgets: Mapping[str, float], *, start: Allocation | None = None) -> Allocation:
    """From an allocation within the budgets (the cheapest if none is given), the step that wins most loss for the share
    of budgets that it takes, as long as one fits: what other tools do, where the exact one begins, and how what a
    smaller budget's answer leaves of a larger one is used.

    Raises:
        InputError: the allocation to begin with is not within the budgets.
    """
    tables = pair_tables(problem, list(budgets))
    chosen = _cheapest(problem, budgets) if start is None else list(start.chosen)
    if not problem.fits(chosen, budgets):
        raise _nothing_fits(problem, budgets)
    left = {name: limit - problem.cost_of(chosen, name) for name, limit in budgets.items()}
    while True:
        losses = _each_alone(problem, tables, chosen, LOSS)
        costs = {name: _each_alone(problem, tables, chosen, name) for name in budgets}
        best: tuple[float, int, int] | None = None
        for group, loss in enumerate(losses):
            now = chosen[group]
            more = {name: each[group] - each[group][now] for name, each in costs.items()}
            fits = np.all([each <= max(left[name], 0.0) for name, each in more.items()], axis=0)
            takes = np.sum([each / max(abs(budgets[name]), 1e-300) for name, each in more.items()], axis=0)
            for c in np.flatnonzero((loss < loss[now]) & fits):
                gain = float((loss[now] - loss[c]) / takes[c]) if takes[c] > 0 else np.inf
                if best is None or gain > best[0]:
                    best = (gain, group, int(c))
        if best is None:
            return Allocation.of(problem, chosen)
        _, group, choice = best
        for name, each in costs.items():
            left[name] -= float(each[group][choice] - each[group][chosen[group]])
        chosen[group] = choice


def _cheapest(problem: AllocationProblem, budgets: Mapping[str, float]) -> list[int]:
    """For each group the choice that takes the least share of the budgets, pairs left aside."""
    shares = [[row / max(abs(limit), 1e-300) for row in problem.costs[name]] for name, limit in budgets.items()]
    return [int(np.sum(rows, axis=0).argmin()) for rows in zip(*shares, strict=True)]


def _each_alone(
    problem: AllocationProblem, tables: Sequence[PairTable], chosen: Sequence[int], of: str
) -> list[Float64]:
    """What each choice of each group comes to while all others stay as they are."""
    found = [np.array(row) for row in (problem.loss if of == LOSS else problem.costs[of])]
    for table in tables:
        found[table.first] += table.values[of][:, chosen[table.second]]
        found[table.second] += table.values[of][chosen[table.first]]
    return found


def _milp(
    problem: AllocationProblem,
    kept: list[list[int]],
    budgets: Mapping[str, float],
    seconds: float,
    known: Allocation | None,
    pairs: tuple[Sequence[PairTable], Sequence[Int64]] = ((), ()),
) -> list[int]:
    """The integer program over the choices that are left.

    HiGHS stops within 1e-6 of the best, absolutely: losses are told in thousandths of what is known to be possible.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    program = _Program(kept, *pairs)
    spread = max((float(np.ptp(row)) for row in problem.loss), default=1.0)
    unit = (abs(known.loss) if known is not None and known.loss else spread) / 1000 or 1.0
    rows = [*program.one_each(), *program.same_sums()]
    for name, budget in budgets.items():
        row = program.row(problem.costs[name], name)
        size = max(float(np.abs(row).max()), 1e-300)
        rows.append((row / size, -np.inf, (budget + 1e-9 * max(abs(budget), 1.0)) / size))
    table, low, high = (np.stack(part) for part in zip(*rows, strict=True))
    with unprinted():
        found = milp(
            program.row(problem.loss, LOSS) / unit,
            constraints=LinearConstraint(csr_array(table), low, high),
            integrality=np.concatenate([np.ones(program.choices), np.zeros(program.columns - program.choices)]),
            bounds=Bounds(0, 1),
            options={"time_limit": seconds, "mip_rel_gap": 1e-7},
        )
    if found.x is None:
        raise _nothing_fits(problem, budgets)
    return program.chosen(found.x)


class _Program:
    """Which column of the program is what.

    Args:
        kept: choices that are left, by group.
        tables: what pairs add.
        classes: of all choices, by group.
    """

    def __init__(self, kept: list[list[int]], tables: Sequence[PairTable], classes: Sequence[Int64]) -> None:
        self._kept, self._tables, self._classes = kept, tables, classes
        self._at = {
            (group, choice): i for i, (group, choice) in enumerate((g, c) for g, e in enumerate(kept) for c in e)
        }
        self.choices = self.columns = len(self._at)
        self._pairs: list[dict[tuple[int, int], int]] = []
        for table in tables:
            sides = [sorted({int(classes[g][c]) for c in kept[g]}) for g in (table.first, table.second)]
            places = [(a, b) for a in sides[0] for b in sides[1]]
            self._pairs.append({place: self.columns + i for i, place in enumerate(places)})
            self.columns += len(places)

    def row(self, single: Sequence[Float64], of: str) -> Float64:
        """The values of a resource, or of the loss, of every column."""
        row = np.zeros(self.columns)
        for (group, choice), i in self._at.items():
            row[i] = single[group][choice]
        for table, places in zip(self._tables, self._pairs, strict=True):
            for (a, b), i in places.items():
                one, other = self._first(table.first, a), self._first(table.second, b)
                row[i] = table.values[of][one, other]
        return row

    def _first(self, group: int, of: int) -> int:
        return next(c for c in self._kept[group] if self._classes[group][c] == of)

    def one_each(self) -> list[tuple[Float64, float, float]]:
        """One choice of each group."""
        rows = []
        for group, each in enumerate(self._kept):
            row = np.zeros(self.columns)
            row[[self._at[group, choice] for choice in each]] = 1.0
            rows.append((row, 1.0, 1.0))
        return rows

    def same_sums(self) -> list[tuple[Float64, float, float]]:
        """Pairs of a class add up to the choices of that class."""
        rows = []
        for table, places in zip(self._tables, self._pairs, strict=True):
            for side, group in enumerate((table.first, table.second)):
                for of in {place[side] for place in places}:
                    row = np.zeros(self.columns)
                    row[[i for place, i in places.items() if place[side] == of]] = 1.0
                    row[[self._at[group, c] for c in self._kept[group] if self._classes[group][c] == of]] = -1.0
                    rows.append((row, 0.0, 0.0))
        return rows

    def chosen(self, values: Float64) -> list[int]:
        """The choice of each group in a solution."""
        return [max(each, key=lambda c, g=group: values[self._at[g, c]]) for group, each in enumerate(self._kept)]  # type: ignore[misc]
