"""Small allocations of layers by trying everything, beside the exact solution and the greedy one.

Layers are drawn, not groups: some are tied and share a choice, some lose or cost more together than alone. Everything
is tried on layers, by sums of its own, so that the groups and pair terms of the problem are judged too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import InputError
from qexplorer.search.allocation.exact import greedy, solve
from qexplorer.search.allocation.problem import AllocationProblem, PairTerm

__all__ = ["against_brute_force"]

Float64 = NDArray[np.float64]
LAYERS, CHOICES, SHARES = (4, 8), (3, 6), (0.1, 0.35, 0.8)
_SAME = 1e-6  # relative difference of losses that counts as none: HiGHS stops there


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """A network that is small enough to try everything.

    Attributes:
        tables: for ``loss`` and each resource, float64 of shape (layers, choices).
        pairs: the same of two layers together: places of the layers, and float64 of shape (choices, choices).
        group: of each layer; layers of one group are tied.
    """

    tables: dict[str, Float64]
    pairs: dict[str, list[tuple[int, int, Float64]]]
    group: tuple[int, ...]

    def everything(self) -> dict[str, Float64]:
        """Loss and costs of every way to choose, ties kept."""
        choices = self.tables["loss"].shape[1]
        ways = np.indices((choices,) * len(set(self.group))).reshape(len(set(self.group)), -1)
        of_layers = ways[list(self.group)]
        found = {}
        for name, table in self.tables.items():
            total = sum(row[chosen] for row, chosen in zip(table, of_layers, strict=True))
            found[name] = total + sum(table[of_layers[a], of_layers[b]] for a, b, table in self.pairs[name])
        return found

    def problem(self) -> AllocationProblem:
        """As it is solved: a choice for each group."""
        groups = range(len(set(self.group)))
        rows = {name: [table[np.array(self.group) == g].sum(0) for g in groups] for name, table in self.tables.items()}
        terms = {
            name: [PairTerm(self.group[a], self.group[b], table) for a, b, table in found]
            for name, found in self.pairs.items()
        }
        loss, together = rows.pop("loss"), terms.pop("loss")
        return AllocationProblem(loss, rows, together, {name: found for name, found in terms.items() if found})


def layers_of(seed: int, *, tied: bool, paired: bool) -> Layers:
    """Losses that fall as bytes rise, over two decades; times that need not; pairs of both signs."""
    rng = np.random.default_rng(seed)
    layers, choices = int(rng.integers(*LAYERS)), int(rng.integers(*CHOICES))
    group = np.arange(layers)
    if tied:
        for _ in range(int(rng.integers(1, layers - 1))):
            a, b = rng.choice(layers, 2, replace=False)
            if len(set(group.tolist())) > 2:
                group[group == group[b]] = group[a]
    group = np.unique(group, return_inverse=True)[1]
    hurts, sizes = np.exp(rng.normal(0, 1.5, (layers, 1))), rng.integers(10, 4000, (layers, 1)).astype(np.float64)
    tables: dict[str, Float64] = {
        "loss": hurts * np.sort(rng.exponential(1.0, (layers, choices)))[:, ::-1],
        "weight_bytes": np.round(sizes * np.sort(rng.uniform(0.2, 1.0, (layers, choices)))),
        "latency_ms": rng.uniform(0.1, 1.0, (layers, 1)) * rng.uniform(0.6, 1.6, (layers, choices)),
    }
    pairs: dict[str, list[tuple[int, int, Float64]]] = {name: [] for name in tables}
    if paired:
        apart = [(a, b) for a, b in combinations(range(layers), 2) if group[a] != group[b]]
        for name, scale in (("loss", 0.4), ("latency_ms", 0.1)):
            for place in rng.permutation(len(apart))[:4]:
                a, b = apart[place]
                some = rng.random((choices, choices)) < 0.4
                pairs[name].append((a, b, np.where(some, rng.normal(0, scale, (choices, choices)), 0.0)))
    return Layers(tables, pairs, tuple(int(g) for g in group))


def budgets_of(everything: Mapping[str, Float64]) -> list[dict[str, float]]:
    """Budgets of bytes, of time, and of both, some of which nothing fits into."""
    ends = {name: (float(values.min()), float(values.max())) for name, values in everything.items()}

    def at(name: str, share: float) -> float:
        low, high = ends[name]
        return low + share * (high - low)

    found = [{name: at(name, share)} for name in ("weight_bytes", "latency_ms") for share in SHARES]
    found += [{"weight_bytes": at("weight_bytes", share), "latency_ms": at("latency_ms", 0.5)} for share in SHARES]
    return [*found, {"weight_bytes": ends["weight_bytes"][0] - 1}]


def against_brute_force(problems: int) -> dict[str, float | int]:
    """How many solutions are the best that there is, and how far the worst one is from it.

    Args:
        problems: how many; a half with tied layers, a half with pairs, in all four combinations.
    """
    counts = {"solved": 0, "equal": 0, "nothing_fits": 0, "told_so": 0, "worse_than_greedy": 0}
    worst, most = 0.0, 0
    for seed in range(problems):
        layers = layers_of(seed, tied=seed % 2 == 1, paired=seed % 4 > 1)
        problem, everything = layers.problem(), layers.everything()
        most = max(most, len(everything["loss"]))
        for budgets in budgets_of(everything):
            fits = np.all([everything[n] <= limit + 1e-9 * max(abs(limit), 1.0) for n, limit in budgets.items()], 0)
            try:
                found = solve(problem, budgets)
            except InputError:
                counts["told_so"] += not fits.any()
                found = None
            if not fits.any():
                counts["nothing_fits"] += 1
                continue
            least = float(everything["loss"][fits].min())
            counts["solved"] += 1
            if found is None or not problem.fits(found.chosen, budgets):
                continue
            beyond = (found.loss - least) / max(abs(least), 1e-12)
            counts["equal"] += abs(beyond) <= _SAME
            worst = max(worst, abs(beyond))
            counts["worse_than_greedy"] += _greedy_is_better(problem, budgets, found.loss)
    return {"problems": problems, **counts, "worst_relative_difference": worst, "most_ways_tried": most}


def _greedy_is_better(problem: AllocationProblem, budgets: Mapping[str, float], loss: float) -> bool:
    try:
        return greedy(problem, budgets).loss < loss - _SAME * abs(loss)
    except InputError:  # its first step is not within the budgets
        return False
