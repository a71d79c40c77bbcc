"""Size of channels moved between what a layer reads and its weight: the factors, the ranges, and what that costs.

Dividing channel ``j`` of what comes in by ``s_j`` and multiplying the weights that read it leaves the product as it is.
How much is moved is one number (Xiao et al. 2022, SmoothQuant, equation 4), with ``r_j`` the largest magnitude of the
channel in front and ``max|W_j|`` that of the weights that read it:

    s_j = r_j^alpha / max|W_j|^(1 - alpha)

In SmoothQuant ``r`` is that of the activations. In cross-layer equalization it is that of the weights which make the
channel, and ``alpha = 1/2`` is its equation 11 (Nagel et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Float32, Granularity, Grid, fake_quantize, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.measure.lessons.lesson import Around, Lesson
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.algorithms.smoothquant import smoothing

__all__ = ["ALPHAS", "SIDES", "Moved", "Side", "error_of", "moved", "moves"]

Values = NDArray[np.float64]
Side = Literal["inputs", "front"]

SIDES: tuple[Side, ...] = ("inputs", "front")
"""What the weights are scaled against: the activations that they read, or the weights which make those."""

ALPHAS = tuple(step / 20 for step in range(21))
"""How much can be moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """One choice of alpha; None as alpha: nothing is moved.

    Attributes:
        alpha: how much is moved.
        factors: what channels are divided by, ``(channels,)``.
        front: largest magnitude of each channel in front, divided.
        weights: that of the weights which read it, multiplied.
        error: at the layer's output, as a share of its size (root mean squares).
        front_error: of the weights in front, as the same share, the mean over channels; None beside activations.
    """

    alpha: float | None
    factors: Values
    front: Values
    weights: Values
    error: float
    front_error: float | None


def moved(lesson: Lesson, bits: int, side: Side, alpha: float | None) -> Moved:
    """Moves size by ``alpha`` and rounds.

    Beside activations these have one 8-bit grid for all and the weights of this layer a scale for each output channel,
    on the grid of an integer kernel; beside weights both weights have one scale each, and activations stay in float, so
    that the grid is that of weights alone.

    Args:
        lesson: of a layer, with what is around it.
        bits: width of the weights.
        side: what is scaled against; ``front`` only where there are such weights.
        alpha: how much is moved; None: nothing.
    """
    around = lesson.around
    assert around is not None, "lessons that are made have it"
    reaches = _reach(around) if side == "inputs" else np.abs(around.front).max(1).astype(np.float64)
    peaks = _peaks(lesson, around)
    factors = np.ones_like(peaks) if alpha is None else smoothing(reaches, peaks, alpha)
    front_error = None if side == "inputs" else _front_error(around.front, factors, bits)
    error = error_of(lesson, bits, side, factors)
    return Moved(alpha, factors, reaches / factors, peaks * factors, error, front_error)


def moves(lesson: Lesson, bits: int, side: Side) -> tuple[Moved, ...]:
    """Every choice, nothing moved first."""
    return tuple(moved(lesson, bits, side, alpha) for alpha in (None, *ALPHAS))


def error_of(lesson: Lesson, bits: int, side: Side, factors: Values) -> float:
    """What rounding costs at the layer's output, as a share of its size."""
    around = lesson.around
    assert around is not None, "lessons that are made have it"
    columns = factors[around.channel].astype(np.float64)  # groups, columns
    values = np.asarray(lesson.values * columns[lesson.groups], np.float32)
    rounded = fake_quantize(values, _weight_grid(values, bits, by_row=side == "inputs"))
    feeds = np.asarray(around.feeds / columns[:, None], np.float32)
    if side == "inputs":
        low, high = float((around.low / factors).min()), float((around.high / factors).max())
        codes = grid_from_range(low, high, get_format("uint8"), symmetric=False)
        read = fake_quantize(np.ascontiguousarray(feeds), codes)
    else:
        read = feeds
    total = power = 0.0
    for group in range(len(feeds)):
        rows = lesson.groups == group
        wanted = around.feeds[group] @ lesson.values[rows].T
        off = read[group] @ rounded[rows].T - wanted
        total += float(np.square(off, dtype=np.float64).sum())
        power += float(np.square(wanted, dtype=np.float64).sum())
    return float(np.sqrt(total / (power or 1.0)))


def _reach(around: Around) -> Values:
    return np.maximum(np.abs(around.low), np.abs(around.high))


def _peaks(lesson: Lesson, around: Around) -> Values:
    """The largest magnitude of the weights that read each channel."""
    found = np.zeros(len(around.low))
    np.maximum.at(found, around.channel[lesson.groups], np.abs(lesson.values).astype(np.float64))
    return found


def _front_error(front: Float32, factors: Values, bits: int) -> float:
    values = np.asarray(front / factors[:, None], np.float32)
    rounded = fake_quantize(values, _weight_grid(values, bits, by_row=False))
    off = np.square(rounded - values, dtype=np.float64).sum(1)
    power = np.square(values, dtype=np.float64).sum(1)
    return float(np.sqrt(np.mean(off[power > 0] / power[power > 0]))) if power.any() else 0.0


def _weight_grid(values: Float32, bits: int, *, by_row: bool) -> Grid:
    """Symmetric, from the largest magnitude: a scale for each row, as integer kernels take it, or one, as files have it
    of weights alone."""
    granularity = Granularity.CHANNEL if by_row else Granularity.TENSOR
    spec = WeightSpec(format=f"int{bits}", granularity=granularity, calibrator="minmax")
    return weight_grid(values, spec, 0, either_sign=not by_row)
