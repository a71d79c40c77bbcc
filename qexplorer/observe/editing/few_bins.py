"""Bins of a histogram put together until few are left, so that a browser can judge a grid on them as it is dragged.

A histogram over float32's upper half has up to 65,279 occupied bins. Neighbours are merged where that changes least:
with edges at equal steps of the integral of the density's cube root, where many levels would be put to lose the least
squared error (Panter and Dite 1951). So a heavy tail gets few bins and the bulk many, whatever the range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.observe.histogram import Bins

__all__ = ["MOST_BINS", "few_bins", "merged_at"]

Float64 = NDArray[np.float64]
Starts = NDArray[np.intp]

MOST_BINS = 2048
"""Bins that a browser integrates over in less than half a millisecond."""

_HEAVY = 512  # a bin with more than this part of all values stays by itself: zeros of a ReLU, values already rounded


def few_bins(bins: Bins, most: int = MOST_BINS) -> Bins:
    """``bins`` in at most ``most`` bins, every value still in the bin that covers it.

    Args:
        bins: the occupied bins of a histogram, ascending.
        most: at least 2 * 512 + 2, so that heavy bins and what lies between them have room.

    Returns:
        The same bins if they are few enough. Else every bin of more than 1/512 of the values as it is, and runs of the
        others merged: each covers the range from its first to its last, gaps included.
    """
    if len(bins.count) <= most:
        return bins
    starts = merged_at(bins.low, bins.high, bins.count, most)
    ends = np.append(starts[1:], len(bins.count)) - 1
    return Bins(bins.low[starts], bins.high[ends], np.add.reduceat(bins.count, starts))


def merged_at(
    low: Float64, high: Float64, weight: Float64, most: int, apart: NDArray[np.bool_] | None = None
) -> Starts:
    """Where each bin begins when bins are put together until ``most`` are left.

    Args:
        low: float64 ``(n,)``, lower edges, ascending.
        high: float64 ``(n,)``, upper edges.
        weight: float64 ``(n,)``, what the squared error of each bin's values counts.
        most: how many may be left; see :func:`few_bins`.
        apart: ``(n,)``, bins that are not put together with the one before them.
    """
    n = len(weight)
    if n <= most:
        return np.arange(n)
    heavy = weight > weight.sum() / _HEAVY
    width = high - low
    upto = np.cumsum(np.where(heavy, 0.0, np.cbrt(weight * width * width)))  # of (weight / width) ** (1 / 3)
    cut = heavy.copy()
    cut[1:] |= heavy[:-1]
    cut |= False if apart is None else apart
    fewest, enough = 1, 64 * most
    while enough - fewest > 1:  # as many groups as leave room for the bins that stay apart
        groups = (fewest + enough) // 2
        fewest, enough = (groups, enough) if len(_starts(upto, cut, groups)) <= most else (fewest, groups)
    return _starts(upto, cut, fewest)


def _starts(upto: Float64, cut: NDArray[np.bool_], groups: int) -> Starts:
    """Where each merged bin begins, if those that need not be apart are cut at equal steps of ``upto``."""
    first = cut.copy()
    first[0] = True
    first[1:] |= np.diff(np.floor(upto / upto[-1] * groups)) > 0
    return np.flatnonzero(first)
