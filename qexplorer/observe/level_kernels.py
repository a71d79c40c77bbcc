"""The inner loops of judging grids whose levels are not evenly spaced, compiled by numba on first use.

Which level a value goes to is found among the borders of :class:`~qexplorer.core.formats.levels.LevelTable` after
dividing by the scale in float32, so that sums over values are exactly those of ``core.grid``.
"""

from __future__ import annotations

import numpy as np

from qexplorer.core.disk.compiled import njit
from qexplorer.observe.bin_kernels import cut_off as _cut_off  # compiled into its callers

__all__ = ["bins_error_on_levels", "rows_error_on_levels", "rows_search_on_levels"]

_EXACT = {"reassoc", "nsz"}
_PIECE = 2048
_FEW = 32
_TINY = 1.1754944e-38  # scales below become 1, as in ``core.formats.protocol.usable_scale``


@njit(cache=True, nogil=True)
def _place(borders, x):  # type: ignore[no-untyped-def]
    """How many of the rising ``borders`` are below ``x``: the index of its level."""
    first, last = 0, borders.size
    while first < last:
        middle = (first + last) // 2
        if borders[middle] < x:
            first = middle + 1
        else:
            last = middle
    return first


@njit(cache=True, nogil=True)
def bins_error_on_levels(low, high, count, levels):  # type: ignore[no-untyped-def]
    """Sums of squared errors of values spread evenly over bins, each value going to the nearest of ``levels``.

    Between two borders the integral of ``(x - level)**2`` is a third of the difference of cubes; beyond the ends it is
    a third of the cubed distance to the range.

    Args:
        low: float64 ``(n,)``, lower edges.
        high: float64 ``(n,)``, upper edges; equal to ``low`` for bins that are one value.
        count: float64 ``(n,)``.
        levels: float64 ``(k,)``, ascending, with their scale.

    Returns:
        Sum of squared rounding errors, sum of squared clipping errors, number of values outside the levels.
    """
    rounding, clipping, clipped = 0.0, 0.0, 0.0
    borders = (levels[1:] + levels[:-1]) / 2.0
    bottom, top = levels[0], levels[-1]
    for i in range(low.size):
        a, b, c = low[i], high[i], count[i]
        if a == b:
            d = a - levels[_place(borders, a)]
            if a < bottom or a > top:
                clipping += c * d * d
                clipped += c
            else:
                rounding += c * d * d
            continue
        density = c / (b - a)
        a, b, clipping, clipped = _cut_off(a, b, density, bottom, top, clipping, clipped)
        at = _place(borders, a)
        while a < b:
            e = b if at == borders.size else min(b, borders[at])
            rounding += density * ((e - levels[at]) ** 3 - (a - levels[at]) ** 3) / 3.0
            a = e
            at += 1
    return rounding, clipping, clipped


@njit(cache=True, nogil=True, error_model="numpy")
def _in_units(x, step, units):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        units[i] = x[i] / step


@njit(cache=True, nogil=True)
def _levels_of(units, levels, borders, found):  # type: ignore[no-untyped-def]
    """The level of each value at scale 1. Few borders are tried one by one, on many values at once in vector units."""
    if borders.size > _FEW:
        for i in range(units.size):
            found[i] = levels[_place(borders, units[i])]
        return
    found[:] = levels[0]
    for k in range(borders.size):
        border, level = borders[k], levels[k + 1]
        for i in range(units.size):
            found[i] = level if units[i] > border else found[i]


@njit(cache=True, nogil=True, fastmath=_EXACT)
def _add_error(x, levels, step, ends, out):  # type: ignore[no-untyped-def]
    """Adds the errors of values that go to these levels, and their squares, to ``out``."""
    rounding, clipping, squares, clipped = 0.0, 0.0, 0.0, np.int32(0)
    for i in range(x.size):
        v = x[i]
        d = np.float64(v) - np.float64(np.float32(levels[i] * step))
        beyond = (v < ends[0]) | (v > ends[1])
        rounding += 0.0 if beyond else d * d
        clipping += d * d if beyond else 0.0
        squares += np.float64(v) * np.float64(v)
        clipped = np.int32(clipped + np.int32(beyond))
    out[0] += rounding
    out[1] += clipping
    out[2] += clipped
    out[3] += squares


@njit(cache=True, nogil=True)
def rows_error_on_levels(x, block, scale, levels, borders, out):  # type: ignore[no-untyped-def]
    """Exact squared errors of rows of values on grids of their own; see ``grid_kernels.rows_error``.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        scale: float32 ``(rows, ceil(n / block))``.
        levels: float32 ``(rows, k)``, or ``(1, k)`` for all rows; ascending, at scale 1.
        borders: float32 ``(rows, k - 1)`` or ``(1, k - 1)``, between them.
        out: float64 ``(rows, ceil(n / block), 4)``, overwritten: sum of squared rounding errors, sum of squared
            clipping errors, number of values beyond the grid's ends, sum of squares.
    """
    units, found = np.empty(_PIECE, np.float32), np.empty(_PIECE, np.float32)
    for r in range(x.shape[0]):
        own = r if levels.shape[0] > 1 else 0
        places, edges = levels[own], borders[own]
        for g in range(scale.shape[1]):
            out[r, g, :] = 0.0
        for start in range(0, x.shape[1], _PIECE):
            stop = min(start + _PIECE, x.shape[1])
            first, last = start // block, (stop - 1) // block + 1
            for g in range(first, last):
                begin, end = max(g * block, start), min((g + 1) * block, stop)
                _in_units(x[r, begin:end], scale[r, g], units[begin - start : end - start])
            _levels_of(units[: stop - start], places, edges, found[: stop - start])
            for g in range(first, last):
                begin, end = max(g * block, start), min((g + 1) * block, stop)
                ends = (places[0] * scale[r, g], places[-1] * scale[r, g])
                _add_error(x[r, begin:end], found[begin - start : end - start], scale[r, g], ends, out[r, g])


@njit(cache=True, nogil=True)
def _cost(x, low, high, levels, borders):  # type: ignore[no-untyped-def]
    """Sum of squared errors of ``x`` with the levels laid over [low, high] as ``core.formats.scaled`` does."""
    wanted = 0.0
    if levels[0] < 0.0:
        wanted = max(wanted, low / np.float64(levels[0]))
    if levels[-1] > 0.0:
        wanted = max(wanted, high / np.float64(levels[-1]))
    step = np.float32(wanted if wanted >= _TINY else 1.0)
    total = 0.0
    for i in range(x.size):
        v = x[i]
        d = np.float64(v) - np.float64(np.float32(levels[_place(borders, np.float32(v / step))] * step))
        total += d * d
    return total


@njit(cache=True, nogil=True)
def rows_search_on_levels(x, block, ranges, bounds, factors, levels, borders):  # type: ignore[no-untyped-def]
    """Shrinks the range of each group of values to the one with the least squared error, in place.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        ranges: float64 ``(rows, ceil(n / block), 2)`` with ``low <= 0 <= high``; both ends shrink alike.
        bounds: parts of the range in falling order, tried first.
        factors: ``(rounds, k)``, tried on the best so far.
        levels: float32 ``(k,)``, ascending, at scale 1.
        borders: float32 ``(k - 1,)``, between them.
    """
    for r in range(x.shape[0]):
        for g in range(ranges.shape[1]):
            part = x[r, g * block : min((g + 1) * block, x.shape[1])]
            low, high = ranges[r, g, 0], ranges[r, g, 1]
            best, chosen = _cost(part, low, high, levels, borders), 1.0
            for b in bounds:
                cost = _cost(part, b * low, b * high, levels, borders)
                if cost < best:
                    best, chosen = cost, b
                elif cost > 4.0 * best:
                    break
            for turn in range(factors.shape[0]):
                centre = chosen
                for f in factors[turn]:
                    b = min(centre * f, 1.0)
                    cost = _cost(part, b * low, b * high, levels, borders)
                    if cost < best:
                        best, chosen = cost, b
            ranges[r, g, 0], ranges[r, g, 1] = chosen * low, chosen * high
