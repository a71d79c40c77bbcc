"""The inner loops of observing, compiled by numba on first use and kept compiled on disk.

A value is counted in the bin of its bfloat16 prefix: the top 16 bits of the float32. Four tables take turns, because
adding to the counter that was just written waits for that write (half of a ReLU's output is the same zero): 27 to 33 ms
for 100 million values, against 83 ms with one table. Each piece of a tensor is counted and then reduced while it is in
cache. No loop releases anything or calls back into Python, so threads can share the work.
"""

from __future__ import annotations

import os
from pathlib import Path

import numba
import numpy as np

from qexplorer.core.workspace import workspace

__all__ = ["observe_lanes", "observe_planes"]

if not os.environ.get("NUMBA_CACHE_DIR") and not os.access(Path(__file__).parent, os.W_OK):
    numba.config.CACHE_DIR = str(workspace("numba"))  # type: ignore[attr-defined]  # an installed package may be read-only

_SHIFT = np.uint32(16)
_ONE = np.uint32(1)
_PIECE = 8192  # values counted and then reduced while they are in cache
_FAST = {"reassoc", "nsz", "contract"}  # sums may be reordered; NaN and infinity keep their meaning


@numba.njit(cache=True, nogil=True)
def _count(bits, tables):  # type: ignore[no-untyped-def]
    """Adds each of ``bits`` (uint32, 1-D) to the bin of its top 16 bits, one table after the other."""
    ways = tables.shape[0]
    t0, t1, t2, t3 = tables[0], tables[1 % ways], tables[2 % ways], tables[3 % ways]
    whole = bits.size // 4
    for i in range(whole):
        t0[bits[4 * i] >> _SHIFT] += _ONE
        t1[bits[4 * i + 1] >> _SHIFT] += _ONE
        t2[bits[4 * i + 2] >> _SHIFT] += _ONE
        t3[bits[4 * i + 3] >> _SHIFT] += _ONE
    for i in range(4 * whole, bits.size):
        t0[bits[i] >> _SHIFT] += _ONE


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _reduce(x, bits, out):  # type: ignore[no-untyped-def]
    """Folds ``x`` (float32, 1-D; ``bits`` the same as int32) into ``out``: sum, sum of squares, and returns min, max.

    Minimum and maximum are taken of the bits as integers in the order of the values: integer reductions use the
    vector unit without asking what a NaN would do, and a NaN shows as a value beyond infinity.
    """
    total, squares = 0.0, 0.0
    low, high = np.int32(2147483647), np.int32(-2147483648)
    for i in range(x.size):
        v = np.float64(x[i])
        total += v
        squares += v * v
        o = np.int32(bits[i] ^ np.int32(np.int32(bits[i] >> np.int32(31)) & np.int32(0x7FFFFFFF)))
        low = o if o < low else low
        high = o if o > high else high
    out[0] += total
    out[1] += squares
    return low, high


@numba.njit(cache=True, nogil=True)
def observe_planes(x, bits, words, tables, sums, ranges):  # type: ignore[no-untyped-def]
    """Counts and reduces rows of contiguous values.

    Args:
        x: float32 ``(rows, n)``.
        bits: the same memory as int32.
        words: the same memory as uint32.
        tables: uint32 ``(ways, 65536)``, added to; 1, 2 or 4 ways.
        sums: float64 ``(rows, 2)`` of zeros: sum and sum of squares of each row.
        ranges: int32 ``(rows, 2)``: smallest and largest value of each row, as ordered integers.
    """
    n = x.shape[1]
    for row in range(x.shape[0]):
        low, high = np.int32(2147483647), np.int32(-2147483648)
        for start in range(0, n, _PIECE):
            stop = min(start + _PIECE, n)
            _count(words[row, start:stop], tables)
            first, last = _reduce(x[row, start:stop], bits[row, start:stop], sums[row])
            low, high = min(low, first), max(high, last)
        ranges[row, 0], ranges[row, 1] = low, high


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _reduce_lanes(x, sums, squares, low, high):  # type: ignore[no-untyped-def]
    """Folds ``x`` (float32 ``(rows, lanes)``) into four arrays of ``(lanes,)``, four rows at a time."""
    rows, lanes = x.shape
    whole = rows // 4
    for i in range(whole):
        x0, x1, x2, x3 = x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]
        for k in range(lanes):
            v0, v1, v2, v3 = np.float64(x0[k]), np.float64(x1[k]), np.float64(x2[k]), np.float64(x3[k])
            sums[k] += (v0 + v1) + (v2 + v3)
            squares[k] += (v0 * v0 + v1 * v1) + (v2 * v2 + v3 * v3)
            a, b, c, d = x0[k], x1[k], x2[k], x3[k]
            p = a if a < b else b
            q = c if c < d else d
            p = p if p < q else q
            low[k] = p if p < low[k] else low[k]
            p = a if a > b else b
            q = c if c > d else d
            p = p if p > q else q
            high[k] = p if p > high[k] else high[k]
    for i in range(4 * whole, rows):
        for k in range(lanes):
            v = x[i, k]
            sums[k] += v
            squares[k] += np.float64(v) * np.float64(v)
            low[k] = v if v < low[k] else low[k]
            high[k] = v if v > high[k] else high[k]


@numba.njit(cache=True, nogil=True)
def observe_lanes(x, words, valid, tables, sums, ranges):  # type: ignore[no-untyped-def]
    """Counts and reduces groups of rows whose last axis is (a block of) the channels.

    Args:
        x: float32 ``(groups, rows, lanes)``.
        words: the same memory as uint32.
        valid: int64 ``(groups,)``: lanes that hold channels; the others are padding and are left out of the counts.
        tables: uint32 ``(ways, 65536)``, added to; 1, 2 or 4 ways.
        sums: float64 ``(2, groups, lanes)`` of zeros: sum and sum of squares of each lane.
        ranges: float32 ``(2, groups, lanes)`` of +inf and -inf: smallest and largest value of each lane.
    """
    groups, rows, lanes = x.shape
    ways = tables.shape[0]
    piece = max(_PIECE // lanes // 4 * 4, 4)
    for g in range(groups):
        for start in range(0, rows, piece):
            stop = min(start + piece, rows)
            part = words[g, start:stop]
            if valid[g] == lanes:
                _count(part.reshape(part.size), tables)
            else:
                for i in range(stop - start):
                    for k in range(valid[g]):
                        tables[k % ways, part[i, k] >> _SHIFT] += _ONE
            _reduce_lanes(x[g, start:stop], sums[0, g], sums[1, g], ranges[0, g], ranges[1, g])
