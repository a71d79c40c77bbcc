"""Bins of a histogram put together until few are left, so that a browser can judge a grid on them as it is dragged.

A histogram over float32's upper half has up to 65,279 occupied bins. Neighbours are merged where that changes least:
with edges at equal steps of the integral of the density's cube root, where many levels would be put to lose the least
squared error (Panter and Dite 1951). So a heavy tail gets few bins and the bulk many, whatever the range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.observe.histogram import Bins

__all__ = ["MOST_BINS", "few_bins"]

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
    n = len(bins.count)
    if n <= most:
        return bins
    heavy = bins.count > bins.count.sum() / _HEAVY
    width = bins.high - bins.low
    upto = np.cumsum(np.where(heavy, 0.0, np.cbrt(bins.count * width * width)))  # of (count / width) ** (1 / 3)
    fewest, enough = 1, 64 * most
    while enough - fewest > 1:  # as many groups as leave room for the heavy bins between them
        groups = (fewest + enough) // 2
        fewest, enough = (groups, enough) if len(_starts(upto, heavy, groups)) <= most else (fewest, groups)
    starts = _starts(upto, heavy, fewest)
    ends = np.append(starts[1:], n) - 1
    return Bins(bins.low[starts], bins.high[ends], np.add.reduceat(bins.count, starts))


def _starts(upto: NDArray[np.float64], heavy: NDArray[np.bool_], groups: int) -> NDArray[np.intp]:
    """Where each merged bin begins, if the light ones are cut at ``groups`` equal steps of ``upto``."""
    first = np.ones(len(upto), np.bool_)
    first[1:] = (np.diff(np.floor(upto / upto[-1] * groups)) > 0) | heavy[1:] | heavy[:-1]
    return np.flatnonzero(first)
