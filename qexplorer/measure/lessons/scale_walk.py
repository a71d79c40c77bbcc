"""A scale on its way: the error of a layer's weights over the scale of their grid, and the path of learned step sizes.

With ``n = clip(round(w / s), low, high)`` and ``w_q = s n`` LSQ takes (Esser et al. 2020, equation 3)

    dw_q / ds  =  n - w / s   inside the grid,      low or high   beyond its ends

which is what follows from passing rounding straight through: the true derivative inside is ``n`` alone, and says
nothing of how far ``w`` is from its level. By the chain rule the error ``E(s) = mean (w_q - w)^2`` has the gradient
``mean 2 (w_q - w) dw_q / ds``: values inside pull the scale down, values that are clipped push it up.

The path is that of Adam on ``log s`` (Kingma and Ba 2015, algorithm 1), as training in this program moves scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Granularity
from qexplorer.core.recipe import WeightSpec
from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.observe.weight_grids import weight_grid

__all__ = ["Walk", "error_at", "slope_at", "slopes_of", "walk_of"]

Values = NDArray[np.float64]

RATE = 0.02
"""Share of its size by which a step moves the scale, at most."""

STEPS = 120
_POINTS = 161
_SPAN = (0.2, 1.25)  # of the first scale


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The way of one scale.

    Attributes:
        levels: lowest and highest level, in steps.
        values: the weights, ``(n,)``.
        scales: along the curve, ascending.
        errors: mean squared errors there, as shares of the weights' mean square.
        path: scales that were visited, the first one from the smallest and largest weight, ``(STEPS + 1,)``.
        path_errors: errors there.
        pulls: of each visited scale, the gradient of the error by ``log s`` from weights inside the grid.
        pushes: the same from weights beyond its ends.
    """

    levels: tuple[int, int]
    values: Values
    scales: Values
    errors: Values
    path: Values
    path_errors: Values
    pulls: Values
    pushes: Values

    @property
    def best(self) -> tuple[float, float]:
        """Scale and error of the lowest point of the curve."""
        at = int(self.errors.argmin())
        return float(self.scales[at]), float(self.errors[at])


def slopes_of(values: Values, scale: float, levels: tuple[int, int]) -> Values:
    """``dw_q / ds`` of each value, by equation 3."""
    steps = values / scale
    inside = np.rint(steps) - steps
    return np.asarray(np.where(steps < levels[0], levels[0], np.where(steps > levels[1], levels[1], inside)))


def error_at(values: Values, scale: float, levels: tuple[int, int]) -> float:
    """Mean squared error on a grid of this scale, as a share of the mean square."""
    off = np.clip(np.rint(values / scale), *levels) * scale - values
    return float(np.mean(off**2) / (np.mean(values**2) or 1.0))


def slope_at(values: Values, scale: float, levels: tuple[int, int]) -> tuple[float, float]:
    """The gradient of :func:`error_at` by ``log s`` with equation 3, from values inside and from those beyond."""
    steps = values / scale
    off = np.clip(np.rint(steps), *levels) * scale - values
    parts = 2 * off * slopes_of(values, scale, levels) * scale / (np.mean(values**2) or 1.0)
    beyond = (steps < levels[0]) | (steps > levels[1])
    return float(np.sum(parts[~beyond]) / len(values)), float(np.sum(parts[beyond]) / len(values))


def walk_of(lesson: Lesson, bits: int) -> Walk:
    """The way of one scale for all weights of the lesson, on the symmetric grid that the layer's file has."""
    values = lesson.values.astype(np.float64).ravel()
    spec = WeightSpec(format=f"int{bits}", granularity=Granularity.TENSOR, calibrator="minmax")
    grid = weight_grid(lesson.values, spec, 0, either_sign=lesson.signs)
    levels = (grid.qmin - int(grid.zero_point), grid.qmax - int(grid.zero_point))
    first = float(np.abs(values).max()) / max(-levels[0], levels[1]) or 1.0
    scales = first * np.geomspace(*_SPAN, _POINTS)
    path = [first]
    mean = square = 0.0
    for step in range(1, STEPS + 1):
        slope = sum(slope_at(values, path[-1], levels))
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        move = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        path.append(float(path[-1] * np.exp(-RATE * move)))
    slopes = np.array([slope_at(values, scale, levels) for scale in path])
    return Walk(
        levels,
        values,
        scales,
        np.array([error_at(values, scale, levels) for scale in scales]),
        np.array(path),
        np.array([error_at(values, scale, levels) for scale in path]),
        slopes[:, 0],
        slopes[:, 1],
    )
