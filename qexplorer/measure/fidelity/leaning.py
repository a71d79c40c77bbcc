"""Does a rounding lean to one side, or stray? What being within one step does not tell.

A right kernel sends a value to its nearest code. Where the value lies at a tie, float32 decides, and either neighbour
is right; kernels that round twice (an average, then another grid) miss the nearest code now and then, to both sides
alike. Rounding down, or a zero point that is off by one, is never off by more than one step either, but to one side
only. So the values are looked at before they are rounded: of the different ones, what share went to a code that is too
high, less the share that went to one that is too low; and what share went to either. A background that is the same
everywhere counts once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity.rounding_points import Point

if TYPE_CHECKING:
    import onnx

__all__ = ["LIMITS", "lean_at", "lean_of"]

LIMITS = {kind: (int(np.iinfo(kind).min), int(np.iinfo(kind).max)) for kind in ("int8", "uint8", "int16", "uint16")}
"""Smallest and largest code by the name of the type."""

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


def lean_at(model: onnx.ModelProto, p: Point) -> Callable[[Array, Array], tuple[float, float]] | None:
    """:func:`lean_of` for the grid of ``p``, or for its levels; None for a grid that is found as the graph runs, or of
    a type without :data:`LIMITS`."""
    from qexplorer.graph.index import GraphIndex

    table = p.levels
    if table is not None:
        ends = 0, len(table.levels) - 1
        return lambda codes, values: lean_of(
            table.places(codes), table.places(values.astype(np.float64) / p.scale), 1.0, 0, ends
        )
    index = GraphIndex(model)
    node = index.maker(p.codes)
    scale = None if node is None else index.value(node.input[1])
    zero = None if node is None or len(node.input) < 3 else index.value(node.input[2])
    if scale is None or scale.size != 1 or p.code_dtype not in LIMITS:
        return None
    step, point = float(scale.reshape(())), 0 if zero is None else int(zero.reshape(-1)[0])
    return lambda codes, values: lean_of(codes, values, step, point, LIMITS[p.code_dtype])
