"""Is an output what the codes in front of it make? The last pieces of a graph, judged by the error of float arithmetic.

Behind the last rounding there may be float arithmetic: boxes are decoded, scores normalized; a weight-only graph or one
in half precision is nothing else. Two float kernels that are both right differ, and by how much depends on the graph:
it is found by computing this very piece from these very codes in float64 as well (``real_numbers.py``). Allowed is,
element by element,

    factor * e  +  64 u |y|  +  2 u' |y|

with ``e`` the largest difference of the simulation of the piece to float64 at this output, ``factor`` 64 (8 where the
piece computes in 16-bit floats, whose error is already large), ``u = 2**-24`` for the approximations of functions such
as Exp that float libraries use, and ``u'`` the rounding of the output's own type. No share of a range comes into it.

A rounding that cannot be seen is left to the simulation; a backend's may be off by one step there. So the simulated
codes of such points are moved by a step at random, and what that moves at the output is allowed twice over. Outputs of
whole numbers (the place of a maximum) must be equal, but where such a step decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array

__all__ = ["FACTOR", "FACTOR_HALF", "ROUNDING", "close", "spread", "times_explained"]

FACTOR, FACTOR_HALF = 64.0, 8.0
_UNIT = 2.0**-24  # rounding to float32
ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": _UNIT, "float64": 2.0**-53}
"""Largest relative error of rounding to a type."""


def close(ours: Array, theirs: Array) -> bool:
    """Whether two outputs are the same but for what every float library may differ by: no float64 is needed then."""
    if ours.shape != theirs.shape:
        return False
    if theirs.dtype.name not in ROUNDING:
        return bool(np.array_equal(ours, theirs))
    return _times(_difference(ours, theirs), _least(theirs)) <= 1


def times_explained(
    ours: Array,
    simulated: Array,
    real: Sequence[Array],
    error: float | None,
    moved: NDArray[np.float64] | None,
    *,
    halves: bool,
) -> tuple[float, float]:
    """The worst difference, and the worst as a multiple of what is allowed.

    Args:
        ours: the backend's output.
        simulated: what the simulation makes of the backend's codes.
        real: what else makes the same of them: float64, exact integers; the nearest counts.
        error: the largest difference of the simulation to float64; None if it could not be computed.
        moved: how far unseen roundings move the output, element by element; None if all are seen.
        halves: whether 16-bit floats are computed in.
    """
    if ours.shape != simulated.shape:
        return float("inf"), float("inf")
    away = _difference(ours, simulated)
    for other in real:
        if other.shape == ours.shape:
            away = np.minimum(away, _difference(ours, other))
    if simulated.dtype.name not in ROUNDING:
        undecided = np.zeros(away.shape) if moved is None else moved
        return float(away.max(initial=0.0)), _times(away, undecided)
    allowed = _least(simulated)
    if error is not None:
        allowed = allowed + (FACTOR_HALF if halves else FACTOR) * error
    if moved is not None:
        allowed = allowed + 2 * moved
    return float(away.max(initial=0.0)), _times(away, allowed)


def _least(output: Array) -> NDArray[np.float64]:
    size = np.abs(np.nan_to_num(output.astype(np.float64), posinf=0.0, neginf=0.0))
    return (64 * _UNIT + 2 * ROUNDING[output.dtype.name]) * size


def _difference(ours: Array, theirs: Array) -> NDArray[np.float64]:
    """Element by element; infinite where only one is finite, or infinities differ."""
    if ours.dtype.kind not in "iuf" and ours.dtype.name != "bfloat16":
        return np.asarray(ours != theirs, np.float64)
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):
        away = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isfinite(away), away, np.inf))


def _times(away: NDArray[np.float64], allowed: NDArray[np.float64]) -> float:
    """The largest ratio; 0 where nothing differs, infinite where something does and nothing may."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(away == 0, 0.0, away / allowed)
    return float(np.max(ratio, initial=0.0))


def spread(run: Callable[[], Array], still: Array, draws: int) -> NDArray[np.float64]:
    """How far an output moves over ``draws`` of ``run``, element by element."""
    moved = np.zeros(still.shape, np.float64)
    for _ in range(draws):
        moved = np.maximum(moved, _difference(run(), still))
    return moved
