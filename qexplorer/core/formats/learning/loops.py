"""The inner loops of learning levels, compiled by numba on first use."""

from __future__ import annotations

import numpy as np

from qexplorer.core.disk.compiled import njit

__all__ = ["best_cut", "settled"]


@njit(cache=True, nogil=True)
def settled(values, weights, sums, levels, steps):  # type: ignore[no-untyped-def]
    """Lloyd's iteration: each value goes to the nearest level, each level to the mean of its values.

    Args:
        values: float64 ``(n,)``, ascending.
        weights: float64 ``(n + 1,)``, running sums of weights.
        sums: float64 ``(n + 1,)``, running sums of weighted values.
        levels: float64 ``(k,)``, ascending; overwritten.
        steps: most steps.

    Returns:
        The levels that values go to, ascending.
    """
    k, n = levels.size, values.size
    ends, before = np.zeros(k + 1, np.int64), np.full(k + 1, -1, np.int64)
    ends[k] = n
    for _ in range(steps):
        for j in range(1, k):
            border = (levels[j - 1] + levels[j]) / 2.0
            ends[j] = np.searchsorted(values, border, side="right")
        if np.array_equal(ends, before):
            break
        before[:] = ends
        for j in range(k):
            held = weights[ends[j + 1]] - weights[ends[j]]
            if held > 0.0:
                levels[j] = (sums[ends[j + 1]] - sums[ends[j]]) / held
        levels.sort()
    kept = np.empty(k, np.bool_)
    for j in range(k):
        kept[j] = weights[before[j + 1]] > weights[before[j]]
    return levels[kept]


@njit(cache=True, nogil=True)
def _cost(w, s, q, i, j):  # type: ignore[no-untyped-def]
    """Squared error of the groups from ``i`` to ``j`` around their mean."""
    held = w[j] - w[i]
    return q[j] - q[i] - (s[j] - s[i]) ** 2 / held if held > 0.0 else 0.0


@njit(cache=True, nogil=True)
def best_cut(w, s, q, count):  # type: ignore[no-untyped-def]
    """The cut of groups into at most ``count`` intervals with the least squared error, by dynamic programming.

    Where the last of the best cuts lies rises with the number of groups, so that halves of the groups are looked at
    in halves of the places: ``count * groups * log(groups)`` steps. (Grønlund et al. 2017, Fast exact k-means,
    k-medians and Bregman divergence clustering in 1D)

    Args:
        w: float64 ``(groups + 1,)``, running sums of weights.
        s: the same of weighted values.
        q: the same of weighted squares.
        count: intervals, at most.

    Returns:
        Places ``(count + 1,)`` from 0 to the number of groups; equal ones where fewer intervals are enough.
    """
    n = w.size - 1
    best, came = np.empty((count, n + 1)), np.zeros((count, n + 1), np.int64)
    for j in range(n + 1):
        best[0, j] = _cost(w, s, q, 0, j)
    waiting = np.empty((2 * n + 4, 4), np.int64)
    for turn in range(1, count):
        waiting[0, 0], waiting[0, 1], waiting[0, 2], waiting[0, 3] = 0, n, 0, n
        top = 1
        while top:
            top -= 1
            first, last, low, high = waiting[top, 0], waiting[top, 1], waiting[top, 2], waiting[top, 3]
            middle = (first + last) // 2
            least, place = np.inf, low
            for i in range(low, min(high, middle) + 1):
                here = best[turn - 1, i] + _cost(w, s, q, i, middle)
                if here < least:
                    least, place = here, i
            best[turn, middle], came[turn, middle] = least, place
            if first < middle:
                waiting[top, 0], waiting[top, 1], waiting[top, 2], waiting[top, 3] = first, middle - 1, low, place
                top += 1
            if middle < last:
                waiting[top, 0], waiting[top, 1], waiting[top, 2], waiting[top, 3] = middle + 1, last, place, high
                top += 1
    ends = np.zeros(count + 1, np.int64)
    ends[count] = n
    for turn in range(count - 1, 0, -1):
        ends[turn] = came[turn, ends[turn + 1]]
    return ends
