"""How far codes are apart, in steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.formats.levels import LevelTable
from qexplorer.measure.fidelity.rounding_points import Point

__all__ = ["Steps", "merged", "steps_of"]

_FLOAT_NOISE = 1e-2  # of a step: scales that are found as the graph runs differ in their last bits


@dataclass(frozen=True, slots=True)
class Steps:
    """Codes against codes.

    Attributes:
        steps: worst difference.
        share: share of the codes that differ.
        beyond: share that differs by more than one step.
        n: codes compared.
    """

    steps: float
    share: float
    beyond: float
    n: int


def steps_of(
    p: Point,
    codes: Mapping[str, Sequence[Array]],
    batch: int,
    made: Mapping[str, Array],
    named: Callable[[str], str] = str,
    slack: float = 0.0,
) -> Steps:
    """Codes of one batch against those that were ``made``, by the name that ``named`` gives them.

    Where the grid is found as the graph runs, the values that the codes stand for are compared, in steps. Levels are
    counted: a value that is none of them is infinitely far away. ``slack`` is what float arithmetic may be off by in
    front of a rounding to levels, in units of the tensor that is rounded: near zero they may lie closer than that.
    """
    ours, theirs = codes[p.codes][batch], made[named(p.codes)]
    if ours.shape != theirs.shape:
        return Steps(float("inf"), 1.0, 1.0, 1)
    if ours.size == 0:
        return Steps(0.0, 0.0, 0.0, 0)
    if p.levels is not None:
        return _levels_apart(p.levels, ours, theirs, slack / p.scale)
    if not p.grid:
        narrow = ours.dtype.itemsize == theirs.dtype.itemsize == 1
        away = np.abs(np.subtract(ours, theirs, dtype=np.int16 if narrow else np.int64, casting="unsafe"))
        return Steps(float(away.max()), float(np.mean(away > 0)), float(np.mean(away > 1)), ours.size)
    scale, zero = (codes[name][batch] for name in p.grid)
    step, point = (made[named(name)] for name in p.grid)
    values = (ours.astype(np.float64) - float(zero)) * float(scale)
    expected = (theirs.astype(np.float64) - float(point)) * float(step)
    between = np.abs(values - expected) / max(float(step), float(np.finfo(np.float32).tiny))
    worst = float(np.ceil(max(float(between.max()) - _FLOAT_NOISE, 0.0)))
    beyond = float(np.mean(between > 1 + _FLOAT_NOISE))
    return Steps(worst, float(np.mean(between > _FLOAT_NOISE)), beyond, ours.size)


def _levels_apart(table: LevelTable, ours: Array, theirs: Array, slack: float) -> Steps:
    found, wide = table.places(ours), theirs.astype(np.float64)
    lowest, highest = table.places(wide - slack), table.places(wide + slack)
    away = np.maximum(np.maximum(found - highest, lowest - found), 0.0)
    away = np.where(found == np.round(found), away, np.inf)
    away = np.where(np.isnan(ours) & np.isnan(theirs), 0.0, away)
    return Steps(float(away.max()), float(np.mean(away > 0)), float(np.mean(away > 1)), ours.size)


def merged(found: Iterable[Steps]) -> Steps:
    """Several batches as one."""
    known = list(found)
    n = sum(each.n for each in known)
    share = sum(each.share * each.n for each in known) / max(n, 1)
    beyond = sum(each.beyond * each.n for each in known) / max(n, 1)
    return Steps(max((each.steps for each in known), default=0.0), share, beyond, n)
