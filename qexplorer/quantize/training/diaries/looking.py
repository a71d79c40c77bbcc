"""A layer's weights counted along their grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, Grid, quantize
from qexplorer.quantize.training.diaries.diary import Look, Shape

__all__ = ["FirstLook", "first_look", "look_again"]

_MOST_BINS, _LEAST_BINS = 160, 24
_A_BIN = 6  # weights in a bin, on average: fewer would be noise
_MARGIN = 1.0  # steps drawn beyond the ends of the grid


@dataclass(frozen=True, slots=True, eq=False)
class FirstLook:
    """A layer as it was before training: its shape on the bins that every later look has, and its codes."""

    format: str
    levels: tuple[float, ...]
    low: float
    width: float
    bins: int
    shape: Shape
    codes: NDArray[np.int32]


def first_look(weights: Float32, grid: Grid) -> FirstLook:
    """The weights before training.

    Args:
        weights: float32, any shape.
        grid: what they are rounded to.
    """
    levels = _levels(grid)
    low, high = float(levels[0]) - _MARGIN, float(levels[-1]) + _MARGIN
    most = min(max(weights.size // _A_BIN, _LEAST_BINS), _MOST_BINS)
    width = _width((high - low) / most)
    start = float(levels[0]) - (round(_MARGIN / width) + 0.5) * width
    bins = int(np.ceil((high - start) / width))
    shape = _counted(weights, grid, start, width, bins, levels)
    return FirstLook(
        grid.format.name, tuple(map(float, levels)), start, width, bins, shape, _small(quantize(weights, grid))
    )


def look_again(first: FirstLook, weights: Float32, grid: Grid) -> Look:
    """The weights as they are now, beside how they were."""
    now = _counted(weights, grid, first.low, first.width, first.bins, np.asarray(first.levels))
    moved = float(np.mean(_small(quantize(weights, grid)) != first.codes))
    return Look(first.format, first.levels, first.low, first.width, first.shape, now, moved)


def _width(least: float) -> float:
    """Of a bin, in steps: an odd part of a step, so that a level is the middle of one, or several whole steps."""
    if least > 1:
        return float(np.ceil(least))
    a_step = max(int(1 / least), 1)
    return 1 / (a_step if a_step % 2 else a_step - 1)


def _levels(grid: Grid) -> NDArray[np.float64]:
    """The levels at scale 1 around the code of zero, which is 0; ascending. The mean of each where channels differ."""
    if grid.own is not None:
        return np.unique(grid.own.levels.astype(np.float64).mean(0))
    zero = np.asarray(round(float(np.mean(grid.zero_point))), np.int32)
    plain = Grid(grid.format, np.ones((), np.float32), zero, None, None, grid.qmin, grid.qmax)
    return np.unique(plain.levels().astype(np.float64))


def _counted(weights: Float32, grid: Grid, low: float, width: float, bins: int, levels: NDArray[np.float64]) -> Shape:
    scale, _ = grid.expanded(weights.shape)
    steps = (weights / scale).ravel()
    found = np.floor((steps - low) / width).clip(0, bins - 1).astype(np.int64)
    counts = np.bincount(found, minlength=bins)
    half = 0.5 * float(np.diff(levels).min()) if len(levels) > 1 else 0.5
    outside = float(np.mean((steps < levels[0] - half) | (steps > levels[-1] + half)))
    return Shape(tuple(map(int, counts)), outside)


def _small(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    return codes.astype(np.int16 if np.abs(codes).max(initial=0) < 2**15 else np.int32)
