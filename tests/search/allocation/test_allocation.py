"""Allocations against brute force, against each other, and where nothing fits."""

from __future__ import annotations

import ctypes
import os
from itertools import product
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import InputError
from qexplorer.search.allocation.exact import greedy, solve
from qexplorer.search.allocation.hull import best_on_hull, hull
from qexplorer.search.allocation.problem import AllocationProblem, PairTerm
from qexplorer.search.allocation.unprinted import unprinted


def _problem(seed: int, groups: int = 5, choices: int = 4, pairs: int = 0) -> AllocationProblem:
    """Losses that fall as costs rise, on the whole, with pairs of both signs."""
    rng = np.random.default_rng(seed)
    costs = [np.sort(rng.integers(1, 60, choices)).astype(float) for _ in range(groups)]
    loss = [np.sort(rng.exponential(1.0, choices))[::-1] * rng.uniform(0.1, 3) for _ in range(groups)]
    times = [rng.uniform(0.5, 2.0, choices) for _ in range(groups)]

    def drawn(scale: float) -> list[PairTerm]:
        found = []
        for _ in range(pairs):
            first, second = (int(v) for v in rng.choice(groups, 2, replace=False))
            a, b = (int(v) for v in rng.integers(0, choices, 2))
            found.append(PairTerm.at([choices] * groups, first, a, second, b, float(rng.normal(0, scale))))
        return found

    return AllocationProblem(loss, {"bytes": costs, "time": times}, drawn(1.0), {"time": drawn(0.3)})


def _brute(problem: AllocationProblem, budgets: dict[str, float]) -> float | None:
    everything = product(*(range(len(row)) for row in problem.loss))
    return min((problem.loss_of(c) for c in everything if problem.fits(c, budgets)), default=None)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("pairs", [0, 6])
def test_the_exact_one_equals_brute_force(seed: int, pairs: int) -> None:
    """Under one budget and under two, with pairs in loss and cost and without."""
    problem = _problem(seed, pairs=pairs)
    middle = sum(float(np.median(row)) for row in problem.costs["bytes"])
    for budgets in ({"bytes": middle}, {"bytes": 1.2 * middle, "time": 5.0}):
        least = _brute(problem, budgets)
        if least is None:
            with pytest.raises(InputError, match="nothing fits"):
                solve(problem, budgets)
        else:
            found = solve(problem, budgets)
            assert problem.fits(found.chosen, budgets)
            assert found.loss == pytest.approx(least, rel=1e-6, abs=1e-9)


def test_what_the_solver_prints_is_not_seen(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at once nor from C's buffer later; what is printed around it is."""
    import scipy.optimize

    plain, c = scipy.optimize.milp, ctypes.CDLL(None)

    def printing(*given: Any, **named: Any) -> Any:
        os.write(1, b"from below\n")
        c.printf(b"from C\n")
        with unprinted():
            c.printf(b"from another thread\n")
        return plain(*given, **named)

    monkeypatch.setattr(scipy.optimize, "milp", printing)
    c.printf(b"before\n")
    found = solve(_problem(2), {"bytes": 100.0})
    c.printf(b"after\n")
    c.fflush(None)
    assert found.costs["bytes"] <= 100
    assert capfd.readouterr() == ("before\nafter\n", "")


@pytest.mark.parametrize("seed", range(8))
def test_it_is_never_worse_than_the_hull_or_greedy(seed: int) -> None:
    """On more groups than brute force could try, at several budgets."""
    problem = _problem(seed, groups=20, choices=6)
    cheapest = sum(float(row.min()) for row in problem.costs["bytes"])
    dearest = sum(float(row.max()) for row in problem.costs["bytes"])
    points = hull(problem, "bytes")
    for share in (0.1, 0.4, 0.8):
        budget = cheapest + share * (dearest - cheapest)
        exact = solve(problem, {"bytes": budget})
        on_hull = best_on_hull(points, "bytes", budget)
        assert on_hull is not None
        assert exact.loss <= min(on_hull.loss, greedy(problem, {"bytes": budget}).loss) + 1e-9
        assert exact.costs["bytes"] <= budget + 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kinds", [("bytes",), ("bytes", "time")])
def test_greedy_uses_what_a_smaller_budget_leaves(seed: int, kinds: tuple[str, ...]) -> None:
    """From an answer of less it stays within all budgets, loses no more, and leaves no step that would win and fit."""
    problem = _problem(seed, groups=8, pairs=2)
    middle = {name: sum(float(np.median(row)) for row in problem.costs[name]) for name in kinds}
    smaller = solve(problem, {name: 0.95 * limit for name, limit in middle.items()})
    filled = greedy(problem, middle, start=smaller)
    assert problem.fits(filled.chosen, middle)
    assert filled.loss <= smaller.loss
    for group, row in enumerate(problem.loss):
        for choice in range(len(row)):
            other = (*filled.chosen[:group], choice, *filled.chosen[group + 1 :])
            assert not problem.fits(other, middle) or problem.loss_of(other) >= filled.loss - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_the_hull_is_that_of_all_allocations(seed: int) -> None:
    """No allocation lies below a line between two points of it, and its own sums are right."""
    problem = _problem(seed, groups=4, choices=3)
    points = hull(problem, "bytes")
    assert [p.costs["bytes"] for p in points] == sorted(p.costs["bytes"] for p in points)
    x, y = (np.array([p.costs["bytes"] for p in points]), np.array([p.loss for p in points]))
    assert (np.diff(y) <= 0).all()
    for chosen in product(range(3), repeat=4):
        cost, loss = problem.cost_of(chosen, "bytes"), problem.loss_of(chosen)
        if cost >= x[0]:
            assert loss >= np.interp(cost, x, y) - 1e-9
    for point in points:
        assert point.loss == pytest.approx(problem.loss_of(point.chosen))
        assert point.costs["time"] == pytest.approx(problem.cost_of(point.chosen, "time"))


def _chain(seed: int, groups: int = 5) -> AllocationProblem:
    """Three kinds of kernels in a ring of layers, which pay where two kinds meet, and one more pair in loss."""
    rng = np.random.default_rng(seed)
    kinds, prices = np.array([0, 0, 1, 2]), rng.uniform(0.1, 1.0, (3, 3))
    times = [np.array([1.0, 1.1, 2.0, 3.0]) * rng.uniform(0.5, 2) for _ in range(groups)]
    loss = [np.array([1.0, 0.6, 0.2, 0.0]) * rng.exponential() for _ in range(groups)]
    meets = np.where(kinds[:, None] != kinds, prices[kinds][:, kinds], 0.0)
    pays = [PairTerm(i, (i + 1) % groups, meets) for i in range(groups)]
    return AllocationProblem(loss, {"time": times}, [PairTerm.at([4] * groups, 0, 0, 3, 0, 0.4)], {"time": pays})


@pytest.mark.parametrize("seed", range(6))
def test_the_hull_knows_what_pairs_cost(seed: int) -> None:
    """Each of its points is the best of all allocations at some price, and its ends are the least cost and loss."""
    problem = _chain(seed)
    everything = list(product(range(4), repeat=5))
    loss = np.array([problem.loss_of(c) for c in everything])
    cost = np.array([problem.cost_of(c, "time") for c in everything])
    points = hull(problem, "time")
    assert points[0].costs["time"] == pytest.approx(cost.min())
    assert points[-1].loss == pytest.approx(loss.min())
    for point in points[1:-1]:
        prices = np.concatenate([(loss - point.loss) / (point.costs["time"] - cost + 1e-300), [0.0]])
        cheaper = np.append(cost < point.costs["time"] - 1e-12, False)
        dearer = np.append(cost > point.costs["time"] + 1e-12, False)
        assert prices[dearer].max() <= prices[cheaper].min() + 1e-9
    for budget in np.quantile(cost, (0.1, 0.4, 0.8)):
        best = loss[cost <= budget].min()
        assert solve(problem, {"time": float(budget)}).loss == pytest.approx(best, rel=1e-6)


def test_pairs_too_many_to_eliminate_are_still_counted() -> None:
    """Every group with every other one: the hull leaves some out of the choice, none out of the sums."""
    rng = np.random.default_rng(5)
    groups = 12
    loss = [np.array([1.0, 0.5, 0.0]) * rng.uniform(0.5, 2) for _ in range(groups)]
    times = [np.array([1.0, 2.0, 3.0]) for _ in range(groups)]
    pairs = [PairTerm(a, b, rng.uniform(0, 0.1, (3, 3))) for a in range(groups) for b in range(a + 1, groups)]
    problem = AllocationProblem(loss, {"time": times}, (), {"time": pairs})
    for point in hull(problem, "time"):
        assert point.costs["time"] == pytest.approx(problem.cost_of(point.chosen, "time"))
    found = solve(problem, {"time": 26.0})
    assert found.costs["time"] <= 26.0
    assert found.loss <= greedy(problem, {"time": 26.0}).loss + 1e-9


def test_a_pair_that_costs_is_gone_round() -> None:
    """Two groups whose best choices do not go together take others, which their single losses would not."""
    loss = [np.array([0.0, 0.3]), np.array([0.0, 0.3])]
    bytes_ = [np.array([1.0, 1.0]), np.array([1.0, 1.0])]
    apart = AllocationProblem(loss, {"bytes": bytes_})
    together = AllocationProblem(loss, {"bytes": bytes_}, [PairTerm.at([2, 2], 0, 0, 1, 0, 1.0)])
    assert solve(apart, {"bytes": 2}).chosen == (0, 0)
    assert sorted(solve(together, {"bytes": 2}).chosen) == [0, 1]


@pytest.mark.parametrize(
    ("loss", "costs", "said"),
    [
        ([], {"bytes": []}, "at least one group"),
        ([np.array([1.0])], {"bytes": [np.array([1.0, 2.0])]}, "other choices"),
        ([np.array([np.nan])], {"bytes": [np.array([1.0])]}, "not finite"),
    ],
)
def test_what_makes_no_problem_is_refused(
    loss: list[np.ndarray], costs: dict[str, list[np.ndarray]], said: str
) -> None:
    """In one sentence."""
    with pytest.raises(InputError, match=said):
        AllocationProblem(loss, costs)


def test_a_budget_too_small_says_how_much_is_needed() -> None:
    """And one of an unknown resource names those that there are."""
    problem = _problem(1)
    least = sum(float(row.min()) for row in problem.costs["bytes"])
    with pytest.raises(InputError, match=f"at least {least:.6g}"):
        solve(problem, {"bytes": least - 1})
    with pytest.raises(InputError, match="bytes, time"):
        solve(problem, {"joules": 1.0})
