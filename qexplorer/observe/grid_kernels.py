"""The inner loops of judging grids, compiled by numba on first use and kept compiled on disk."""

from __future__ import annotations

import math

import numpy as np

from qexplorer.core.disk.compiled import njit
from qexplorer.observe.bin_kernels import cut_off as _cut_off  # compiled into its callers

__all__ = [
    "bins_cost",
    "bins_error",
    "divergences",
    "rows_divergence",
    "rows_error",
    "rows_ranges",
    "rows_search",
    "rows_top",
]

_FAST = {"reassoc", "nsz", "contract"}
_EXACT = {"reassoc", "nsz"}  # q * scale is rounded before it is subtracted, as DequantizeLinear rounds it
_FLOOR = 1e-9  # probability of what the quantized distribution says cannot happen


@njit(cache=True, nogil=True)
def bins_error(low, high, count, scale, bottom, top):  # type: ignore[no-untyped-def]
    """Sums of squared errors of values spread evenly over bins, rounded to multiples of ``scale`` in [bottom, top].

    Inside the range the integral of ``(x - round(x))**2`` is ``n / 12 + d**3 / 3`` at ``x = n + d`` (in steps);
    outside it is a third of the cubed distance to the range.

    Args:
        low: float64 ``(n,)``, lower edges.
        high: float64 ``(n,)``, upper edges; equal to ``low`` for bins that are one value.
        count: float64 ``(n,)``.
        scale: step, > 0.
        bottom: smallest representable value.
        top: largest representable value.

    Returns:
        Sum of squared rounding errors, sum of squared clipping errors, number of values outside [bottom, top].
    """
    rounding, clipping, clipped = 0.0, 0.0, 0.0
    for i in range(low.size):
        a, b, c = low[i], high[i], count[i]
        if a == b:
            if a < bottom or a > top:
                d = bottom - a if a < bottom else a - top
                clipping += c * d * d
                clipped += c
            else:
                d = a - np.rint(a / scale) * scale
                rounding += c * d * d
            continue
        density = c / (b - a)
        a, b, clipping, clipped = _cut_off(a, b, density, bottom, top, clipping, clipped)
        if b > a:
            u, v = a / scale, b / scale
            m, n = np.rint(u), np.rint(v)
            area = (n - m) / 12.0 + ((v - n) ** 3 - (u - m) ** 3) / 3.0
            rounding += density * scale**3 * area
    return rounding, clipping, clipped


@njit(cache=True, nogil=True)
def bins_cost(low, high, count, bottom, top, levels):  # type: ignore[no-untyped-def]
    """Sum of squared errors on the grid of ``levels`` steps over the range [bottom, top], bottom <= 0 <= top."""
    scale = float(np.float32((top - bottom) / levels))
    if scale < 1.1754944e-38:
        scale = 1.0
    zero = np.rint(-bottom / scale)
    rounding, clipping, _ = bins_error(low, high, count, scale, -zero * scale, (levels - zero) * scale)
    return rounding + clipping


@njit(cache=True, nogil=True)
def divergences(counts, origin, width, starts, stops, levels):  # type: ignore[no-untyped-def]
    """Kullback-Leibler divergence of the quantized distribution from the real one, for each candidate range, less what
    counting makes of it by chance.

    With sums of counts, of filled bins and of ``c log c`` up to each bin, a candidate costs one logarithm for each
    code, not for each bin.

    Args:
        counts: float64 ``(n + 2,)``: values below ``origin``, in ``n`` equal bins from there, and above.
        origin: lower edge of the first bin, <= 0.
        width: of one bin.
        starts: int64 ``(k,)``, first bin of each candidate range (0 is the first within).
        stops: int64 ``(k,)``, bin after its last.
        levels: steps of the grid from the lower end of the range to the upper.

    Returns:
        float64 ``(k,)``; inf for ranges that hold nothing.
    """
    n = counts.size
    mass, filled, logs = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    for m in range(n):
        c = counts[m]
        mass[m + 1] = mass[m] + c
        filled[m + 1] = filled[m] + (1.0 if c > 0.0 else 0.0)
        logs[m + 1] = logs[m] + (c * math.log(c) if c > 0.0 else 0.0)
    out = np.empty(starts.size)
    for k in range(starts.size):
        i, j = starts[k] + 1, stops[k] + 1
        step = (j - i) / levels  # bins of one code
        shift = (i - 1) + origin / width  # bins from zero to the lower end
        out[k] = _divergence(counts, mass, filled, logs, i, j, step, shift, int(levels))
    return out


@njit(cache=True, nogil=True)
def _divergence(counts, mass, filled, logs, i, j, step, shift, levels):  # type: ignore[no-untyped-def]
    """The divergence of the bins from ``i`` to ``j``, from sums up to each bin (see :func:`divergences`)."""
    everything = mass[-1]
    before, after, inside = mass[i], everything - mass[j], mass[j] - mass[i]
    if inside <= 0.0:
        return np.inf
    zero = np.rint(-shift / step)
    total, chance, at = 0.0, 0.0, i
    for code in range(levels + 1):
        edge = math.ceil((code + 0.5 - zero) * step - shift - 0.5)
        end = j if code == levels else min(max(i + edge, at), j)
        if end == at:
            continue
        within = mass[end] - mass[at]
        groups = filled[end] - filled[at]
        every, own = within, logs[end] - logs[at]
        for side in range(2):  # what lies beyond is counted in the outermost bins
            m, beyond = (i, before) if side == 0 else (j - 1, after)
            if beyond > 0.0 and at <= m < end:
                c = counts[m] + (before if side == 1 and m == i else 0.0)
                groups += 1.0 if c == 0.0 else 0.0
                own += (c + beyond) * math.log(c + beyond) - (c * math.log(c) if c > 0.0 else 0.0)
                every += beyond
        if every > 0.0:
            q = within / groups / inside if within > 0.0 else _FLOOR
            total += own - every * math.log(everything * q)
            chance += groups - 1.0
        at = end
    return (total - chance / 2.0) / everything


@njit(cache=True, nogil=True)
def rows_error(x, block, scale, zero, qmin, qmax, out):  # type: ignore[no-untyped-def]
    """Exact squared errors of rows of values on grids of their own, in float32 as QuantizeLinear computes.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        scale: float32 ``(rows, ceil(n / block))``.
        zero: float32, the same shape.
        qmin: smallest code (float32).
        qmax: largest code (float32).
        out: float64 ``(rows, ceil(n / block), 4)``, overwritten: sum of squared rounding errors, sum of squared
            clipping errors, number of values beyond the grid's ends, sum of squares.
    """
    for r in range(x.shape[0]):
        for g in range(scale.shape[1]):
            part = x[r, g * block : min((g + 1) * block, x.shape[1])]
            _error(part, scale[r, g], zero[r, g], qmin, qmax, out[r, g])


@njit(cache=True, nogil=True, fastmath=_EXACT)
def _error(x, scale, zero, qmin, qmax, out):  # type: ignore[no-untyped-def]
    bottom, top = qmin - zero, qmax - zero
    low, high = bottom * scale, top * scale
    every, clipping, squares, clipped = 0.0, 0.0, 0.0, np.int32(0)
    for i in range(x.size):
        v = x[i]
        q = np.rint(v / scale)
        q = q if q > bottom else bottom
        q = q if q < top else top
        d = np.float64(v - q * scale)
        within = v if v > low else low
        within = within if within < high else high
        c = np.float64(v - within)
        every += d * d
        clipping += c * c
        squares += np.float64(v) * np.float64(v)
        clipped = np.int32(clipped + np.int32(c != 0.0))
    out[0], out[1], out[2], out[3] = max(every - clipping, 0.0), clipping, clipped, squares


@njit(cache=True, nogil=True, fastmath=_FAST)
def _cost(x, low, high, levels):  # type: ignore[no-untyped-def]
    """Sum of squared errors on the grid of ``levels`` steps over [low, high], low <= 0 <= high."""
    scale = np.float32((high - low) / levels)
    if scale < np.float32(1.1754944e-38):
        scale = np.float32(1.0)
    inverse = np.float32(1.0) / scale
    zero = np.float32(np.rint(-low / scale))
    bottom, top = -zero, np.float32(levels) - zero
    total = np.float32(0.0)
    for i in range(x.size):
        v = x[i]
        q = np.rint(v * inverse)
        q = q if q > bottom else bottom
        q = q if q < top else top
        d = v - q * scale
        total += d * d
    return total


@njit(cache=True, nogil=True)
def rows_search(x, block, ranges, levels, symmetric, bounds, factors):  # type: ignore[no-untyped-def]
    """Shrinks the range of each group of values to the one with the least squared error, in place.

    1. One bound on the magnitude of both ends shrinks.
    2. From the best, each end of an asymmetric grid (or both of a symmetric one) is tried a little further in and out.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        ranges: float64 ``(rows, ceil(n / block), 2)`` with ``low <= 0 <= high``.
        levels: steps of the grid from end to end (float64).
        symmetric: whether both ends shrink alike.
        bounds: parts of the larger end's magnitude in falling order, tried first.
        factors: ``(rounds, k)``, tried on the ends of the best so far.
    """
    for r in range(x.shape[0]):
        for g in range(ranges.shape[1]):
            part = x[r, g * block : min((g + 1) * block, x.shape[1])]
            low, high = ranges[r, g, 0], ranges[r, g, 1]
            widest = max(-low, high)
            best, bound = _cost(part, low, high, levels), widest
            shares = (-low / widest, high / widest) if symmetric and widest > 0.0 else (1.0, 1.0)
            for b in bounds:
                cost = _cost(part, max(low, -b * widest * shares[0]), min(high, b * widest * shares[1]), levels)
                if cost < best:
                    best, bound = cost, b * widest
                elif cost > 4.0 * best:
                    break  # both parts of the error are convex in the bound: it only gets worse
            low, high = max(low, -bound * shares[0]), min(high, bound * shares[1])
            ends = 1 if symmetric else 2
            for turn in range(factors.shape[0] * ends):
                end = turn % ends
                chosen_low, chosen_high = low, high
                for f in factors[turn // ends]:
                    a = max(low * f, ranges[r, g, 0]) if symmetric or end == 1 else low
                    b = min(high * f, ranges[r, g, 1]) if symmetric or end == 0 else high
                    cost = _cost(part, a, b, levels)
                    if cost < best:
                        best, chosen_low, chosen_high = cost, a, b
                low, high = chosen_low, chosen_high
            ranges[r, g, 0], ranges[r, g, 1] = low, high


@njit(cache=True, nogil=True)
def rows_divergence(x, ends, levels, n, stops):  # type: ignore[no-untyped-def]
    """Shrinks the bound on the magnitudes of each row to the one with the least divergence, in place.

    Args:
        x: float32 ``(rows, m)``.
        ends: float64 ``(rows,)``, the largest magnitude of each row.
        levels: steps of the grid from 0 to its end (float64).
        n: bins of the histogram.
        stops: int64, candidates: bins from 0 to the end of the range, rising, the last is ``n``.
    """
    starts = np.zeros_like(stops)
    for r in range(x.shape[0]):
        if ends[r] == 0.0:
            continue
        counts = np.zeros(n + 2)
        scale = n / ends[r]
        for i in range(x.shape[1]):
            v = abs(np.float64(x[r, i]))
            if v > 0.0:
                counts[min(int(v * scale), n - 1) + 1] += 1.0
        best = np.argmin(divergences(counts, 0.0, ends[r] / n, starts, stops, levels))
        ends[r] *= stops[best] / n


@njit(cache=True, nogil=True)
def rows_ranges(bits, block, ranges):  # type: ignore[no-untyped-def]
    """Smallest and largest value of each group, as ordered integers (see ``kernels``), never above or below zero's 0.

    Args:
        bits: float32 ``(rows, n)`` seen as int32.
        block: values of a row that share a scale.
        ranges: int32 ``(rows, ceil(n / block), 2)``, overwritten.
    """
    for r in range(bits.shape[0]):
        for g in range(ranges.shape[1]):
            part = bits[r, g * block : min((g + 1) * block, bits.shape[1])]
            low, high = np.int32(0), np.int32(0)
            for i in range(part.size):
                b = part[i]
                o = np.int32(b ^ np.int32(np.int32(b >> np.int32(31)) & np.int32(0x7FFFFFFF)))
                low = o if o < low else low
                high = o if o > high else high
            ranges[r, g, 0], ranges[r, g, 1] = low, high


@njit(cache=True, nogil=True)
def rows_top(x, out):  # type: ignore[no-untyped-def]
    """The ``k`` largest values of each row of ``x`` ``(rows, n)`` into ``out`` ``(rows, k)``, in falling order."""
    k = out.shape[1]
    for r in range(x.shape[0]):
        out[r, :] = -np.inf
        for i in range(x.shape[1]):
            v = x[r, i]
            if v > out[r, k - 1]:
                at = k - 1
                while at > 0 and out[r, at - 1] < v:
                    out[r, at] = out[r, at - 1]
                    at -= 1
                out[r, at] = v
