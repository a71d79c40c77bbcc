"""How long an allocation takes: the whole hull, the exact one, and plain HiGHS, for 60 groups of 8 choices.

``python benchmarks/allocation.py [--json FILE]``. Losses and costs as of a real sweep: losses fall with the square of
the step, weights are of unequal size. Milliseconds, medians of 20 problems at 3 budgets each. Once more for latency
with pairs: in a chain with residual branches three kinds of kernels pay a conversion where they meet, and the six
strongest pairs of layers lose more together than alone.

Before that, 200 networks of 4 to 7 layers with 3 to 5 choices each, at 10 budgets of bytes, of time and of both, with
and without tied layers and pairs: whether the exact solution is the best that trying everything finds
(``brute_force.py``). ``--small N`` tries N of them, and ``--small-alone`` does nothing else and leaves the times in
``FILE`` as they are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, installed or not

from benchmarks.at_work import machine_now
from benchmarks.brute_force import against_brute_force
from qexplorer.search.allocation.exact import _milp, greedy, solve
from qexplorer.search.allocation.hull import hull
from qexplorer.search.allocation.problem import AllocationProblem, PairTerm

GROUPS, BITS, PROBLEMS, SHARES = 60, (2, 3, 4, 5, 6, 8, 12, 16), 20, (0.2, 0.4, 0.7)


def problem_of(seed: int) -> AllocationProblem:
    """Sensitivities and sizes over three decades; what a width loses is off by up to a factor of 1.6 from 4^-bits."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(9, 1.5, GROUPS))
    hurts = np.exp(rng.normal(0, 2.0, GROUPS))
    steps = np.array([4.0**-bits for bits in BITS])
    loss = [hurt * steps * rng.uniform(0.6, 1.6, len(BITS)) for hurt in hurts]
    return AllocationProblem(loss, {"weight_bytes": [size * np.array(BITS) / 8 for size in sizes]})


def chain_of(seed: int) -> AllocationProblem:
    """The same with latency: kinds of kernels by choice, conversions between neighbours, and pairs that lose more."""
    rng = np.random.default_rng(seed)
    plain = problem_of(seed)
    kinds = np.array([0, 0, 0, 0, 0, 0, 1, 2])  # integers of 8 bits and fewer, of 12, floats
    times = [
        size * np.array([1.0, 1.6, 2.5])[kinds] * rng.uniform(0.9, 1.1, 8) for size in rng.uniform(0.05, 0.5, GROUPS)
    ]
    edges = [(i, i + 1) for i in range(GROUPS - 1)] + [(i, i + 3) for i in range(1, GROUPS - 3, 4)]
    extra = [
        PairTerm(a, b, np.where(kinds[:, None] != kinds, rng.uniform(0.01, 0.2, (3, 3))[kinds][:, kinds], 0.0))
        for a, b in edges
    ]
    worst = np.argsort([-row[0] for row in plain.loss])[:4]
    sizes = [len(BITS)] * GROUPS
    together = [
        PairTerm.at(
            sizes, int(a), 0, int(b), 0, float(rng.uniform(-0.5, 1) * (plain.loss[a][0] * plain.loss[b][0]) ** 0.5)
        )
        for i, a in enumerate(worst)
        for b in worst[i + 1 :]
    ]
    return AllocationProblem(plain.loss, {**plain.costs, "latency_ms": times}, together, {"latency_ms": extra})


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--small-alone", action="store_true")
    given = parser.parse_args()
    machine = machine_now()
    small = against_brute_force(given.small)
    print(f"against everything that can be chosen: {small}", flush=True)
    if given.small_alone:
        if given.json:
            known = json.loads(given.json.read_text()) if given.json.exists() else {}
            given.json.write_text(json.dumps(known | {"brute_force": small | {"machine": machine}}, indent=1) + "\n")
        return
    solve(problem_of(0), {"weight_bytes": 1e9})  # imports
    taken: dict[str, list[float]] = {"hull": [], "exact": [], "plain": [], "greedy": []}
    worse = 0
    for seed in range(PROBLEMS):
        problem = problem_of(seed)
        taken["hull"].append(timed(lambda p=problem: hull(p, "weight_bytes")))  # type: ignore[misc]
        least, most = (sum(float(f(row)) for row in problem.costs["weight_bytes"]) for f in (np.min, np.max))
        for share in SHARES:
            budget = {"weight_bytes": least + share * (most - least)}
            everything = [list(range(len(BITS))) for _ in range(GROUPS)]
            taken["exact"].append(timed(lambda p=problem, b=budget: solve(p, b)))  # type: ignore[misc]
            taken["plain"].append(timed(lambda p=problem, b=budget, e=everything: _milp(p, e, b, 20.0, None)))  # type: ignore[misc]
            taken["greedy"].append(timed(lambda p=problem, b=budget: greedy(p, b)))  # type: ignore[misc]
            worse += solve(problem, budget).loss > greedy(problem, budget).loss + 1e-12
    for seed in range(PROBLEMS):
        problem = chain_of(seed)
        taken.setdefault("hull, pairs", []).append(timed(lambda p=problem: hull(p, "latency_ms")))  # type: ignore[misc]
        points = hull(problem, "latency_ms")
        least, most = (point.costs["latency_ms"] for point in (points[0], points[-1]))
        for share in SHARES:
            budget = {"latency_ms": least + share * (most - least)}
            taken.setdefault("exact, pairs", []).append(timed(lambda p=problem, b=budget: solve(p, b)))  # type: ignore[misc]
            worse += solve(problem, budget).loss > greedy(problem, budget, start=points[0]).loss + 1e-12
    result = {name: {"median_ms": statistics.median(ms), "worst_ms": max(ms)} for name, ms in taken.items()}
    for name, row in result.items():
        print(f"{name:>12}: median {row['median_ms']:.2f} ms, worst {row['worst_ms']:.2f} ms")
    print(f"worse than greedy: {worse} of {2 * PROBLEMS * len(SHARES)}")
    if given.json:
        greater = {"worse": worse, "of": 2 * PROBLEMS * len(SHARES)}
        found = {
            "machine": machine,
            **result,
            "greedy_on_60_groups": greater,
            "brute_force": small | {"machine": machine},
        }
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
