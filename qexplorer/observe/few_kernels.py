"""The least squared error on few values, exactly: that of nine values is no smooth curve which a search could follow.

With codes ``q`` held fixed, the best scale is ``sum(v q) / sum(q q)`` and leaves ``sum(v v) - sum(v q)**2 / sum(q q)``.
Codes change only where a value lies between two of them, at scales ``|v| / (k + 1/2)``: the least over all intervals
between such scales is the least over all scales, also over those that are wider than the values are.
"""

from __future__ import annotations

import numpy as np

from qexplorer.core.disk.compiled import njit

__all__ = ["FEW", "rows_exact"]

FEW = 6400
"""Values times levels up to which all intervals are looked at: the 25 values of a 5 x 5 kernel on 8 bits, 426 on 4."""
_NOISE = 1e-12  # of the sum of squares: differences below it are those of float64


@njit(cache=True, nogil=True)
def rows_exact(x, block, ranges, levels, symmetric):  # type: ignore[no-untyped-def]
    """Puts the range with the least squared error in the place of each group's range, in place.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        ranges: float64 ``(rows, ceil(n / block), 2)`` with ``low <= 0 <= high``: a good range, which bounds the search.
        levels: steps of the grid from end to end (float64).
        symmetric: whether zero is the middle of the grid; of an odd number of levels the upper of the two.
    """
    for r in range(x.shape[0]):
        for g in range(ranges.shape[1]):
            part = x[r, g * block : min((g + 1) * block, x.shape[1])].astype(np.float64)
            step, zero = _least(part, ranges[r, g, 0], ranges[r, g, 1], levels, symmetric)
            if step > 0.0:
                ranges[r, g, 0] = -zero * step
                ranges[r, g, 1] = (levels - zero) * step


@njit(cache=True, nogil=True)
def _least(v, low, high, levels, symmetric):  # type: ignore[no-untyped-def]
    """Scale and zero point with the least error; a scale of 0 where nothing is better than [low, high]."""
    scale = (high - low) / levels
    if scale < 1.1754944e-38:
        return 0.0, 0.0
    middle = np.rint(levels / 2.0)
    zero = middle if symmetric else np.rint(-low / scale)
    best = 0.0
    for i in range(v.size):
        q = min(max(np.rint(v[i] / scale), -zero), levels - zero)
        best += (v[i] - q * scale) ** 2
    noise = _NOISE * (v * v).sum()
    smallest, largest = min(v.min(), 0.0), max(v.max(), 0.0)
    borders = _borders(v, _finest(smallest, largest, best, levels, middle, symmetric), levels)
    step, point = 0.0, 0.0
    for k in range(borders.size - 1):
        s = 0.5 * (borders[k] + borders[k + 1])
        if s == borders[k]:
            continue
        bottom, top = np.rint(smallest / s), np.rint(largest / s)
        over = 0.0 if symmetric else max(top - bottom - levels, 0.0)
        for cut in range(int(over) + 1):  # codes that are cut off below; the rest above
            z = middle if symmetric else -(bottom + cut)
            if z < 0.0 or z > levels:
                continue  # zero is on every grid
            cost, found = _fixed(v, s, -z, levels - z)
            if cost < best - noise:
                best, step, point = cost, found, z
    return step, point


@njit(cache=True, nogil=True)
def _finest(smallest, largest, best, levels, middle, symmetric):  # type: ignore[no-untyped-def]
    """The scale below which what is cut off alone costs more than ``best``."""
    if symmetric:
        slack = np.sqrt(best)
        return max((largest - slack) / (levels - middle + 0.5), (-smallest - slack) / (middle + 0.5), 0.0)
    return max((largest - smallest - np.sqrt(2.0 * best)) / (levels + 1.0), 0.0)


@njit(cache=True, nogil=True)
def _borders(v, finest, levels):  # type: ignore[no-untyped-def]
    """Scales from ``finest`` on at which a value's code changes, ascending, and ``finest`` itself."""
    found = np.empty(v.size * int(levels + 1) + 1)
    found[0], n = finest, 1
    for i in range(v.size):
        for k in range(int(levels + 1)):
            border = abs(v[i]) / (k + 0.5)
            if border <= finest:
                break
            found[n] = border
            n += 1
    return np.sort(found[:n])


@njit(cache=True, nogil=True)
def _fixed(v, s, bottom, top):  # type: ignore[no-untyped-def]
    """The least error with the codes that scale ``s`` gives, and the scale that has it."""
    vv, vq, qq = 0.0, 0.0, 0.0
    for i in range(v.size):
        q = min(max(np.rint(v[i] / s), bottom), top)
        vv += v[i] * v[i]
        vq += v[i] * q
        qq += q * q
    if qq == 0.0 or vq <= 0.0:
        return vv, 0.0
    return vv - vq * vq / qq, vq / qq


@njit(cache=True, nogil=True)
def rows_fixed_point(x, block, ranges, steps):  # type: ignore[no-untyped-def]
    """Bounds the range of each group of values by the fixed point of ``calibrators.octav``, in place.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        ranges: float64 ``(rows, ceil(n / block), 2)`` with ``low <= 0 <= high``, the whole range.
        steps: equal steps of the grid from end to end.
    """
    for r in range(x.shape[0]):
        for g in range(ranges.shape[1]):
            part = x[r, g * block : min((g + 1) * block, x.shape[1])]
            down, up = -ranges[r, g, 0], ranges[r, g, 1]
            bound, many = 0.0, 0
            for v in part:
                bound += abs(np.float64(v))
                many += v != 0.0
            bound = bound / many if many else 0.0
            for _ in range(50):
                sums, beyond = 0.0, 0
                for v in part:
                    a = abs(np.float64(v))
                    if a > bound:
                        sums += a
                        beyond += 1
                cut, fixed = 2, 0.0
                for end in (down, up):
                    if end < bound:
                        cut -= 1
                        fixed += end
                share = (many - beyond) / (12.0 * steps * steps)
                below = beyond + cut * cut * share
                following = (sums - cut * fixed * share) / below if below > 0.0 else bound
                following = min(max(following, 0.0), max(down, up))
                settled = abs(following - bound) <= 1e-6 * bound
                bound = following
                if settled:
                    break
            ranges[r, g, 0], ranges[r, g, 1] = -min(down, bound), min(up, bound)
