"""A tensor's values times a factor, as statistics; some of its values, and values drawn as they are distributed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Granularity
from qexplorer.core.grid import quantize
from qexplorer.core.recipe import WeightSpec
from qexplorer.learn.controls import Slider
from qexplorer.observe.histogram import BINS, Histogram
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weight_grids import weight_grid

__all__ = ["WHICH_TWO", "WHICH_VALUES", "codes_of_pair", "drawn", "int8_codes", "pair_of", "times", "values_of"]

WHICH_TWO = Slider(
    "at",
    "Which two, % of the way through",
    0,
    100,
    1,
    50,
    help="A negative scale makes the largest value code -8, so that all 16 codes are used",
)
"""Which pair of a tensor's neighbours a lesson takes."""

WHICH_VALUES = Slider("at", "Which values, % of the way through", 0, 100, 1, 50)
"""Which neighbours of a tensor a lesson takes that says itself how many."""

_LARGEST = 3.0e38
_DRAWN = 4096


def times(stats: TensorStats, factor: float) -> TensorStats:
    """Statistics of ``factor`` times the values, from the middles of the histogram's bins; without array and channels.

    Args:
        stats: of a tensor with values.
        factor: above 0.
    """
    old = stats.histogram
    if factor == 1.0:
        return stats
    filled = np.flatnonzero(old.counts)
    low = (filled.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    middles = np.clip(low * (1 + 1 / 256) * factor, -_LARGEST, _LARGEST)
    middles = np.clip(middles, old.minimum * factor, old.maximum * factor).astype(np.float32)
    counts = np.zeros(BINS, np.int64)
    np.add.at(counts, middles.view(np.uint32) >> 16, old.counts[filled])
    histogram = Histogram(
        counts,
        minimum=old.minimum * factor,
        maximum=old.maximum * factor,
        total=old.total * factor,
        squares=old.squares * factor**2,
    )
    average = (stats.average[0] * factor, stats.average[1] * factor)
    return TensorStats(stats.name, stats.kind, stats.shape, histogram, None, None, average, None)


def drawn(stats: TensorStats, n: int, seed: int) -> NDArray[np.float64]:
    """``n`` values with the tensor's distribution, in an order that ``seed`` gives: float64 ``(n,)``."""
    bins = stats.histogram.bins
    wanted = (np.arange(n) + 0.5) / n * bins.cumulative[-1]
    found = (bins.low + bins.high)[np.searchsorted(bins.cumulative, wanted)] / 2
    return np.asarray(np.random.default_rng(seed).permutation(found), np.float64)


def values_of(stats: TensorStats) -> NDArray[np.float32]:
    """The values in the order of the file, float32 ``(n,)``; of an activation as many drawn as they are distributed."""
    found = drawn(stats, _DRAWN, 0) if stats.array is None else stats.array.reshape(-1)
    return np.asarray(found, np.float32) + np.float32(0)  # a zero without sign


def pair_of(stats: TensorStats, percent: float) -> NDArray[np.float32]:
    """Two values that a byte of 4-bit codes holds, so many percent of the way through the tensor: float32 ``(2,)``."""
    values = values_of(stats)
    at = 2 * round((max(values.size // 2, 1) - 1) * percent / 100)
    return np.resize(values[at : at + 2], 2)


def int8_codes(stats: TensorStats, percent: float, count: int) -> tuple[NDArray[np.float32], NDArray[np.int32], float]:
    """So many neighbours that far through the tensor, their codes, and one symmetric int8 scale for all its values."""
    values = values_of(stats)
    at = round(max(values.size - count, 0) * percent / 100)
    taken = np.resize(values[at : at + count], count)
    grid = weight_grid(values[None], WeightSpec(format="int8", granularity=Granularity.TENSOR), 0, 1)
    return taken, quantize(taken, grid), float(grid.scale)


def codes_of_pair(stats: TensorStats, percent: float) -> tuple[NDArray[np.float32], NDArray[np.int32], float]:
    """:func:`pair_of`, its 4-bit codes, and the scale of all weights, as a file has them of weights alone.

    Every code is used: the largest magnitude is code -8, and the scale is negative where that value is above zero.
    """
    spec = WeightSpec(format="int4", granularity=Granularity.TENSOR, calibrator="minmax")
    grid = weight_grid(values_of(stats)[None], spec, 0, 1, either_sign=True)
    pair = pair_of(stats, percent)
    codes, scale = grid.with_signs(quantize(pair, grid))
    return pair, codes, float(scale)
