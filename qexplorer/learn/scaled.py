"""A tensor's values times a factor, as statistics; and values drawn as a tensor's are distributed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.observe.histogram import BINS, Histogram
from qexplorer.observe.stats import TensorStats

__all__ = ["drawn", "times"]

_LARGEST = 3.0e38


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
