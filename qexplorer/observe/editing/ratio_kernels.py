"""Counts values in units of their own channel's or block's scale; compiled by numba on first use and kept on disk."""

from __future__ import annotations

import numpy as np

from qexplorer.core.disk.compiled import njit

__all__ = ["WINDOW", "counts_in_units"]

WINDOW = 4096
"""Bins of each sign: 32 octaves of 128. What is smaller than all of them is counted as zero."""

_PIECE = 2048
_NEAR = np.float32(1e-6)  # what dividing and multiplying by a float32 may do


@njit(cache=True, nogil=True)
def counts_in_units(x, block, factors, weights, group, ends, first, counts, sums):  # type: ignore[no-untyped-def]
    """Counts each value times its factor by the upper 16 bits, and adds up the weights of those values; what lies on an
    end of its channel or block is counted by itself.

    Args:
        x: float32 ``(rows, n)``.
        block: values of a row that share a scale.
        factors: float32 ``(rows, blocks, 2)``, of values below zero and of others.
        weights: float64 ``(rows, blocks, 2)``, of one value below zero and of another.
        group: int32 ``(rows, blocks)``, where its values are counted.
        ends: float32 ``(rows, blocks, 2)``, both ends in these units; NaN for none.
        first: int64, the upper 16 bits of a value that is counted as zero, as all smaller ones are.
        counts: int64 ``(groups, 2 * WINDOW + 2)``, added to: the bins of values from zero up, those of values below
            zero by magnitude, and values on the lower and on the upper end.
        sums: float64, the same shape, added to.
    """
    units = np.empty(_PIECE, np.float32)
    bits = units.view(np.uint32)
    for r in range(x.shape[0]):
        for g in range(group.shape[1]):
            k = group[r, g]
            below, above = factors[r, g, 0], factors[r, g, 1]
            light, heavy = weights[r, g, 0], weights[r, g, 1]
            bottom, top = ends[r, g, 0], ends[r, g, 1]
            begin, end = g * block, min((g + 1) * block, x.shape[1])
            for start in range(begin, end, _PIECE):
                size = min(_PIECE, end - start)
                for i in range(size):
                    v = x[r, start + i]
                    units[i] = v * (below if v < 0 else above)
                for i in range(size):
                    place = np.int64((bits[i] >> np.uint32(16)) & np.uint32(0x7FFF)) - first
                    place = min(max(place, 0), WINDOW - 1)
                    if place > 0 and units[i] < 0:
                        place += WINDOW
                    if abs(units[i] - top) <= _NEAR * top:
                        place = 2 * WINDOW + 1
                    elif abs(units[i] - bottom) <= -_NEAR * bottom:
                        place = 2 * WINDOW
                    counts[k, place] += 1
                    sums[k, place] += light if x[r, start + i] < 0 else heavy
