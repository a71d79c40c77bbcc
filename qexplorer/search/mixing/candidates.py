"""Which mixes are worth measuring, and which of the measured ones is taken."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import InputError, QExplorerError
from qexplorer.measure.metrics.results import differs
from qexplorer.measure.metrics.statistics import student_half
from qexplorer.search.allocation.exact import greedy, solve
from qexplorer.search.allocation.hull import hull
from qexplorer.search.allocation.problem import Allocation, AllocationProblem
from qexplorer.search.costs.cost_kinds import COSTS, WEIGHT_BYTES
from qexplorer.search.mixing.mix_types import MixPoint, MixReport, VerifiedMix
from qexplorer.search.mixing.tables import problem_of

__all__ = [
    "Counting",
    "candidates",
    "check_budgets",
    "chosen_among",
    "front_of",
    "is_within",
    "left_for",
    "point_of",
    "within_budgets",
]

Float64 = NDArray[np.float64]

Counting = Callable[[MixPoint], dict[str, float]]
"""Bytes and bit operations of a mix, from the plan that is made for it."""

_TRIES = 4  # to find a mix that keeps the budgets as it is made
_EXACT, _SECONDS = 16, 0.5  # solutions of a front within several budgets, and seconds of each at most
_SHARES = (0.97, 0.93, 0.88)  # of budgets, at which exact mixes are tried: what is foretold is not exact


def point_of(report: MixReport, allocation: Allocation) -> MixPoint:
    """An allocation with what no choice changes."""
    costs = {kind: value + report.other.get(kind, 0.0) for kind, value in allocation.costs.items()}
    return MixPoint(allocation.chosen, allocation.loss, costs)


def left_for(report: MixReport, budgets: Mapping[str, float], share: float = 1.0) -> dict[str, float]:
    """Budgets (fractions of int8) as what is left for choices, times ``share``."""
    return {kind: limit * report.whole[kind] * share - report.other[kind] for kind, limit in budgets.items()}


def front_of(report: MixReport, axis: str = "") -> tuple[MixPoint, ...]:
    """The predicted front over a kind of cost, pairs and conversions included, within the budgets of all other kinds.

    It is the hull; where that leaves other budgets, exact solutions within them at some of its costs.
    """
    axis = axis or report.axis
    problem = problem_of(report.groups, report.pairs, report.edges)
    points = [point_of(report, each) for each in hull(problem, axis)]
    others = {kind: limit for kind, limit in report.budgets.items() if kind != axis and kind in report.whole}
    if all(_fits(report, point, others) for point in points):
        return tuple(points)
    costs = [point.costs[axis] - report.other.get(axis, 0.0) for point in points]
    found = [point for point in points if _fits(report, point, others)]
    for limit in np.linspace(min(costs), max(costs), _EXACT):
        with contextlib.suppress(QExplorerError):  # nothing is within all of them
            limits = left_for(report, others) | {axis: float(limit)}
            found.append(point_of(report, solve(problem, limits, seconds=_SECONDS)))
    kept: list[MixPoint] = []
    for point in sorted(found, key=lambda each: (each.costs[axis], each.predicted_loss)):
        if not kept or point.predicted_loss < kept[-1].predicted_loss:
            kept.append(point)
    return tuple(kept or points)


def check_budgets(report: MixReport) -> None:
    """Before anything is measured: each budget alone has to be possible. Raises InputError."""
    problem = problem_of(report.groups, (), report.edges)
    for kind, share in report.budgets.items():
        if kind not in report.whole:
            raise InputError(f"'{kind}' could not be had", where="budget", allowed=", ".join(report.whole))
        least = point_of(report, hull(problem, kind)[0]).costs[kind]
        whole = max(report.whole[kind], 1e-300)
        if share * whole < least:
            title = "bytes" if kind == WEIGHT_BYTES else COSTS[kind].title
            what = f"nothing fits into {100 * share:.3g} % of int8's {title}"
            allowed = f"{math.ceil(1000 * least / whole) / 10:.3g} % or more"
            raise InputError(what, allowed=allowed, do="allow more, or add a smaller choice")


def _fits(report: MixReport, point: MixPoint, budgets: Mapping[str, float]) -> bool:
    return all(point.costs[kind] <= limit * report.whole[kind] * (1 + 1e-9) for kind, limit in budgets.items())


def candidates(report: MixReport, most: int, counting: Counting | None = None) -> list[tuple[MixPoint, str]]:
    """Mixes that may lose least within the budgets: exact ones with pairs of losses and without, greedy's, and exact
    ones of smaller budgets, with what those leave used too.

    Args:
        report: with what is foretold.
        most: mixes.
        counting: what a mix costs as it is made; None: what is foretold. A mix that is over a budget then is replaced
            by the best one that foresees as much.
    """
    paired = problem_of(report.groups, report.pairs, report.edges)
    plain = problem_of(report.groups, (), report.edges)
    limits = left_for(report, report.budgets)
    solved: list[tuple[Allocation, str]] = [(solve(paired, limits), "exact, with pairs")]
    solved.append((solve(plain, limits), "exact"))
    if len(limits) == 1:
        with contextlib.suppress(QExplorerError):  # the cheapest choices need not go together
            solved.append((greedy(plain, limits), "greedy"))
    for share in _SHARES:
        with contextlib.suppress(QExplorerError):  # below the least mix
            smaller = solve(plain, left_for(report, report.budgets, share))
            solved.append((greedy(plain, limits, start=smaller), "exact, filled up"))
    distinct: dict[tuple[int, ...], tuple[MixPoint, str]] = {}
    for allocation, why in solved:
        point: MixPoint | None = point_of(report, allocation)
        if counting is not None and point is not None and point.choice not in distinct:
            point = _kept_within(report, plain, point, counting)
        if point is not None:
            distinct.setdefault(point.choice, (point, why))
        if len(distinct) == most:
            break
    return list(distinct.values())


def _kept_within(report: MixReport, problem: AllocationProblem, point: MixPoint, counting: Counting) -> MixPoint | None:
    """A mix with what it costs as it is made, or the best one of budgets that are smaller by what it is over; None
    where none was found that keeps them."""
    limits = left_for(report, report.budgets)
    for _ in range(_TRIES):
        made = replace(point, costs=point.costs | counting(point))
        if _fits(report, made, report.budgets):
            return made
        limits = {
            kind: limit - max(made.costs[kind] - share * report.whole[kind], 0.0)
            for (kind, limit), share in zip(limits.items(), report.budgets.values(), strict=True)
        }
        try:
            point = point_of(report, solve(problem, limits))
        except QExplorerError:  # below the least mix
            return None
    return None


def is_within(report: MixReport, mix: VerifiedMix) -> bool:
    """Whether a measured mix is within the drop, or is not shown to be worse than float.

    Few samples change their class, so that seventy hide a drop of ten points. The probability of the right class
    changes in every sample and shows it; it counts where it is shown to fall, and by more than ``LESS_SURE``.
    """
    if report.as_float:
        worse = mix.paired is None or (differs(mix.paired) and (mix.paired.gain or 0.0) < 0)
        return not worse and not mix.found.less_sure
    assert report.most_drop is not None
    measured = mix.found.metric_drop if mix.found.metric_drop is not None else mix.found.loss
    return measured <= report.most_drop


def chosen_among(report: MixReport, losses: Sequence[Float64]) -> int | None:
    """The mix with the least cost within the drop, or the best within the budgets.

    The measured loss decides as far as the samples tell: of the mixes that a paired comparison does not tell from the
    one with the least loss, the one is taken whose outputs err least. A divergence hangs on the few samples that are
    near a border of classes, an error counts all samples alike.

    Args:
        report: with mixes that were measured.
        losses: of each of them, of each sample.
    """
    within = [
        at
        for at, mix in enumerate(report.verified)
        if _fits(report, mix.point, report.budgets) and (not report.seeks_least or is_within(report, mix))
    ]
    if report.seeks_least or not within:
        return min(within, key=lambda at: report.verified[at].point.costs[report.axis], default=None)
    least = min(within, key=lambda at: report.verified[at].found.loss)
    beyond = {at: losses[at] - losses[least] for at in within}
    alike = [at for at in within if beyond[at].mean() <= student_half(beyond[at])]
    return min(alike, key=lambda at: (-_sqnr_db(report.verified[at]), report.verified[at].found.loss))


def _sqnr_db(mix: VerifiedMix) -> float:
    return math.inf if mix.found.sqnr_db is None else mix.found.sqnr_db


def within_budgets(report: MixReport, points: Sequence[MixPoint]) -> list[MixPoint]:
    """Points that are within all budgets."""
    return [point for point in points if _fits(report, point, report.budgets)]
