"""What each choice of each group takes on a backend, and what neighbours pay that do not go together.

The whole model is timed in every plain choice, and in mixes in which neighbours differ. Times of kernels come from the
backend's profiler, which slows small kernels down and counts whole microseconds; whole calls are timed without it. So
kernels say how time is divided, and whole calls how much it is, in one of three forms, by non-negative least squares of
relative errors:

1. ``kernels``: a call takes a share of the sum of its kernels, and something to start;
2. ``kernels and boundaries``: and something for each pair of neighbours that are of different kinds;
3. ``boundaries``: the same for every layer of a choice, and for each such pair; where kernels are so small that their
   times are nothing but noise.

The form is taken whose predictions of variants that it was not fitted to are best (leave-one-out).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qexplorer.search.costs.attributing import Homes, KernelSums

__all__ = ["KernelTable", "TimedVariant", "alternations", "mixes_to_time", "table_of"]

Float64 = NDArray[np.float64]
Edge = tuple[int, int]
_FORMS = ("kernels", "kernels and boundaries", "boundaries")


@dataclass(frozen=True, slots=True)
class TimedVariant:
    """A variant that was timed.

    Attributes:
        choice: of each group.
        call_ms: of a whole call.
        sums: of its kernels.
    """

    choice: tuple[int, ...]
    call_ms: float
    sums: KernelSums


@dataclass(frozen=True, slots=True, eq=False)
class KernelTable:
    """Milliseconds of choices.

    Attributes:
        groups: of each group and choice, shape ``(groups, choices)``.
        edges: of neighbours, by their positions: shape ``(choices, choices)``, 0 where they go together.
        start: of every call, whatever is chosen.
        form: which of the three it is.
        error: mean relative error of variants that were left out; None where there were too few to leave one out.
        n: variants that were timed.
    """

    groups: Float64
    edges: Mapping[Edge, Float64]
    start: float
    form: str
    error: float | None
    n: int

    def of(self, choice: Sequence[int]) -> float:
        """Milliseconds of one call."""
        single = sum(float(self.groups[group, c]) for group, c in enumerate(choice))
        pairs = sum(float(values[choice[a], choice[b]]) for (a, b), values in self.edges.items())
        return self.start + single + pairs


def alternations(edges: Sequence[Edge], groups: int) -> tuple[bool, ...]:
    """Two sides for groups, so that as many neighbours as can be are on different ones."""
    beside: dict[int, list[int]] = {group: [] for group in range(groups)}
    for a, b in edges:
        beside[a].append(b)
        beside[b].append(a)
    sides: dict[int, bool] = {}
    for group in range(groups):
        known = [sides[each] for each in beside[group] if each in sides]
        sides[group] = sum(known) * 2 < len(known)
    return tuple(sides[group] for group in range(groups))


def table_of(
    plain: Sequence[TimedVariant], mixes: Sequence[TimedVariant], homes: Homes, kinds: Sequence[str]
) -> KernelTable:
    """The table.

    Args:
        plain: the whole model in each choice, in order.
        mixes: others, in which neighbours differ.
        homes: of layers, with the neighbours.
        kinds: for each choice, what its activations are in: neighbours with other ones convert.
    """
    ms = np.array([variant.sums.groups for variant in plain]).T
    integer = np.array([variant.sums.integer for variant in plain]).T
    classes = [[(kind, bool(row[c])) for c, kind in enumerate(kinds)] for row in integer]
    differ = {
        (a, b): np.array([[one != other for other in classes[b]] for one in classes[a]], float) for a, b in homes.edges
    }
    extra = _extra(ms, mixes, classes, differ)
    work = _Fit(ms, differ, extra, (*plain, *mixes))
    form = min(_FORMS, key=work.left_out)
    weights = work.fitted(form, list(range(len(work.variants))))
    groups, edges, start = work.spread(weights)
    error = work.left_out(form)
    return KernelTable(groups, edges, start, form, error if np.isfinite(error) else None, len(work.variants))


def _extra(
    ms: Float64,
    mixes: Sequence[TimedVariant],
    classes: Sequence[Sequence[tuple[str, bool]]],
    differ: Mapping[Edge, Float64],
) -> dict[Edge, Float64]:
    """What kernels of a group take longer where its readers are of another kind, divided among them; seen in mixes.

    Where two kinds were never seen to meet at a pair, it is the median of where they were.
    """
    seen: dict[tuple[Edge, object, object], list[float]] = {}
    for mix in mixes:
        for group, value in enumerate(mix.sums.groups):
            out = [e for e in differ if e[0] == group and differ[e][mix.choice[e[0]], mix.choice[e[1]]]]
            more = value - float(ms[group, mix.choice[group]])
            for edge in out:
                key = (edge, classes[edge[0]][mix.choice[edge[0]]], classes[edge[1]][mix.choice[edge[1]]])
                seen.setdefault(key, []).append(more / len(out))
    usual: dict[tuple[object, object], list[float]] = {}
    for (_, one, other), values in seen.items():
        usual.setdefault((one, other), []).extend(values)
    found = {}
    for edge, parts in differ.items():
        pays = np.zeros_like(parts)
        for i, j in zip(*np.nonzero(parts), strict=True):
            one, other = classes[edge[0]][i], classes[edge[1]][j]
            known = seen.get((edge, one, other)) or usual.get((one, other)) or [0.0]
            pays[i, j] = max(float(np.median(known)), 0.0)
        found[edge] = pays
    return found


class _Fit:
    """Whole calls by sums of kernels, boundaries and counts."""

    def __init__(
        self,
        ms: Float64,
        differ: Mapping[Edge, Float64],
        extra: Mapping[Edge, Float64],
        variants: Sequence[TimedVariant],
    ) -> None:
        self._ms, self._differ, self._extra, self.variants = ms, differ, extra, variants
        self._choices = ms.shape[1]
        self._calls = np.array([variant.call_ms for variant in variants])
        self._rows = np.array([self._row(variant.choice) for variant in variants])

    def _row(self, choice: Sequence[int]) -> Float64:
        """Sum of kernels, boundaries, one, and how many groups have each choice."""
        kernels = sum(float(self._ms[g, c]) for g, c in enumerate(choice))
        kernels += sum(float(values[choice[a], choice[b]]) for (a, b), values in self._extra.items())
        boundaries = sum(float(values[choice[a], choice[b]]) for (a, b), values in self._differ.items())
        return np.array([kernels, boundaries, 1.0, *np.bincount(choice, minlength=self._choices)], np.float64)

    def _columns(self, form: str) -> list[int]:
        counts = list(range(3, 3 + self._choices))
        return {"kernels": [0, 2], "kernels and boundaries": [0, 1, 2], "boundaries": [1, *counts]}[form]

    def fitted(self, form: str, rows: list[int]) -> Float64:
        """The weights of all columns, from some of the variants."""
        from scipy.optimize import nnls

        columns = self._columns(form)
        found = np.zeros(self._rows.shape[1])
        calls = self._calls[rows]
        found[columns] = nnls(self._rows[np.ix_(rows, columns)] / calls[:, None], np.ones(len(rows)))[0]
        return found

    def left_out(self, form: str) -> float:
        """Mean relative error of each variant by the others; infinite where they are too few."""
        everything = range(len(self.variants))
        if len(everything) <= len(self._columns(form)) + 1:
            return float("inf")
        errors = []
        for out in everything:
            weights = self.fitted(form, [row for row in everything if row != out])
            errors.append(abs(float(self._rows[out] @ weights) / self._calls[out] - 1))
        return float(np.mean(errors))

    def spread(self, weights: Float64) -> tuple[Float64, dict[Edge, Float64], float]:
        """The table that these weights make: of groups, of pairs, and of every call."""
        share, boundary, start = (float(each) for each in weights[:3])
        groups = share * self._ms + weights[3:]
        edges = {edge: share * self._extra[edge] + boundary * parts for edge, parts in self._differ.items()}
        return groups, edges, start


def mixes_to_time(signatures: Sequence[object], edges: Sequence[Edge], groups: int, more: int) -> list[tuple[int, ...]]:
    """Which mixes to time: each two choices of different kinds alternating, both ways round, and some at random.

    Args:
        signatures: of each choice, what its kernels are; equal ones need no mix.
        edges: neighbours.
        groups: how many there are.
        more: random ones, in stretches of layers.
    """
    first = {signature: c for c, signature in reversed(list(enumerate(signatures)))}
    kinds = sorted(first.values())
    if len(kinds) < 2:
        return []
    sides = alternations(edges, groups)
    found = [
        tuple(one if side else other for side in sides)
        for a, b in combinations(kinds, 2)
        for one, other in ((a, b), (b, a))
    ]
    rng = np.random.default_rng(0)
    for share in np.linspace(0.1, 0.5, more):
        row, now = [], int(rng.choice(kinds))
        for _ in range(groups):
            if rng.random() < share:
                now = int(rng.choice([kind for kind in kinds if kind != now]))
            row.append(now)
        found.append(tuple(row))
    return list(dict.fromkeys(found))
