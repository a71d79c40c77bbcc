"""A tensor with outliers that it does not have: what a few values far out do to the range of a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qexplorer.observe.histogram import Histogram
from qexplorer.observe.stats import TensorStats

__all__ = ["ONE_IN", "outlier_value", "with_outliers"]

ONE_IN = 10_000
"""One value in so many is an outlier, and at least one."""


def outlier_value(histogram: Histogram, times: float) -> float:
    """Where an outlier ``times`` the largest magnitude lies, on the side of that magnitude; float32's precision."""
    low, high = histogram.minimum, histogram.maximum
    return float(np.float32(times * (high if high >= -low else low)))


def with_outliers(stats: TensorStats, times: float) -> TensorStats:
    """The statistics with outliers added, one in ``ONE_IN`` values.

    Args:
        stats: of a tensor with values.
        times: how far out: 1 adds none, 8 is eight times the largest magnitude.

    Returns:
        Statistics of the histogram alone, without channels and without the array, whose values are no longer all.
    """
    if times <= 1.0:
        return stats
    old = stats.histogram
    value, count = outlier_value(old, times), max(round(old.count / ONE_IN), 1)
    counts = old.counts.copy()
    counts[int(np.float32(value).view(np.uint32)) >> 16] += count
    low, high = min(old.minimum, value), max(old.maximum, value)
    total, squares = old.total + count * value, old.squares + count * value**2
    histogram = Histogram(counts, minimum=low, maximum=high, total=total, squares=squares)
    average = min(stats.average[0], value), max(stats.average[1], value)
    return replace(stats, histogram=histogram, channels=None, axis=None, average=average, array=None)
