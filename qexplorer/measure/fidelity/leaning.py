"""Does a rounding lean to one side, or stray? What being within one step does not tell.

A right kernel sends a value to its nearest code. Where the value lies at a tie, float32 decides, and either neighbour
is right; kernels that round twice (an average, then another grid) miss the nearest code now and then, to both sides
alike. Rounding down, or a zero point that is off by one, is never off by more than one step either, but to one side
only. So the values are looked at before they are rounded: of the different ones, what share went to a code that is too
high, less the share that went to one that is too low; and what share went to either. A background that is the same
everywhere counts once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array

__all__ = ["lean_of"]

_TIE = 0.02  # of a step: beyond it no float32 arithmetic takes one code for another
_SAME = 50.0  # values nearer than 1/50 step are one value
_ENOUGH = 32
"""Different values: fewer say nothing."""


def lean_of(codes: Array, values: Array, scale: float, zero_point: int, limits: tuple[int, int]) -> tuple[float, float]:
    """How one-sided ``codes`` are, and what share of the values is not at its nearest code; both from 0 to 1.

    Args:
        codes: what was made of ``values``, same shape.
        values: before they are rounded.
        scale: one step.
        zero_point: of the grid.
        limits: smallest and largest code.
    """
    if codes.shape != values.shape:
        return 0.0, 0.0
    low, high = limits
    exact: NDArray[np.float64] = values.astype(np.float64).reshape(-1) / scale + zero_point
    inside = np.isfinite(exact) & (exact > low) & (exact < high)
    exact, made = exact[inside], codes.reshape(-1)[inside].astype(np.float64)
    _, first = np.unique(np.round(exact * _SAME), return_index=True)
    if first.size < _ENOUGH:
        return 0.0, 0.0
    off = made[first] - exact[first]
    above, below = float(np.mean(off > 0.5 + _TIE)), float(np.mean(off < -0.5 - _TIE))
    return abs(above - below), above + below
