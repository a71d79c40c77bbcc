"""The inner loops of observing, compiled by numba on first use and kept compiled on disk.

A value is counted in the bin of its bfloat16 prefix: the top 16 bits of the float32. Zeros take turns between eight
counters of their own, because adding to the counter that was just written waits for that write, and half of a ReLU's
output is the same zero: 30 ms for 100 million values of mobilenet_v2's activations, against 40 with four tables that
take turns and 80 with plain counting. Each piece of a tensor is counted and then reduced while it is in cache. No loop
calls back into Python, so threads can share the work.
"""

from __future__ import annotations

import numpy as np

from qexplorer.core.disk.compiled import njit
from qexplorer.observe.collecting.average import MOMENTUM
from qexplorer.observe.histogram import BINS

__all__ = ["TABLE", "observe_lanes", "observe_planes"]

_TURNS = 8
TABLE = BINS + _TURNS  # counters: one for each bin, and more for zeros

_SHIFT = np.uint32(16)
_ONE = np.uint32(1)
_ZERO = np.uint32(0)
_PIECE = 2048  # values counted and then reduced while they are in cache
_FAST = {"reassoc", "nsz", "contract"}  # sums may be reordered; NaN and infinity keep their meaning


@njit(cache=True, nogil=True)
def _count(bits, table):  # type: ignore[no-untyped-def]
    """Adds each of ``bits`` (uint32, 1-D) to the bin of its top 16 bits, zeros to one of the last eight."""
    whole = bits.size // _TURNS
    for i in range(whole):
        for k in range(_TURNS):  # unrolled by the compiler
            bin_ = bits[_TURNS * i + k] >> _SHIFT
            table[bin_ if bin_ != _ZERO else np.uint32(BINS + k)] += _ONE
    for i in range(_TURNS * whole, bits.size):
        table[bits[i] >> _SHIFT] += _ONE


@njit(cache=True, nogil=True, fastmath=_FAST)
def _reduce(x, bits, sums):  # type: ignore[no-untyped-def]
    """Adds the sum and the sum of squares of ``x`` (float32, 1-D; ``bits`` the same as int32) to ``sums``.

    Returns:
        Minimum and maximum of the bits as integers in the order of the values: integer reductions use the vector unit
        without asking what a NaN would do.
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
    sums[0] += total
    sums[1] += squares
    return low, high


@njit(cache=True, nogil=True)
def _merge(each, sums, ranges, channels, whole, average):  # type: ignore[no-untyped-def]
    """Folds one call's sums and ranges into what is kept; does nothing if any value was not finite.

    Args:
        each: values of each channel in each sample.
        sums: float64 ``(samples, C, 2)``: sums and sums of squares.
        ranges: float32 ``(samples, C, 2)``: smallest and largest values.
        channels: float64 ``(5, C)``: count, sum, sum of squares, minimum, maximum of each channel.
        whole: float64 ``(4,)``: sum, sum of squares, minimum, maximum.
        average: float64 ``(5,)``: the fields of a MovingRange.

    Returns:
        Whether all values were finite, so that everything was folded in.
    """
    samples, n = sums.shape[0], channels.shape[1]
    for s in range(samples):
        for c in range(n):
            if not np.isfinite(sums[s, c, 1]):
                return False
    for s in range(samples):
        lowest, highest = np.inf, -np.inf
        for c in range(n):
            low, high = np.float64(ranges[s, c, 0]), np.float64(ranges[s, c, 1])
            channels[0, c] += each
            channels[1, c] += sums[s, c, 0]
            channels[2, c] += sums[s, c, 1]
            channels[3, c] = min(channels[3, c], low)
            channels[4, c] = max(channels[4, c], high)
            whole[0] += sums[s, c, 0]
            whole[1] += sums[s, c, 1]
            lowest, highest = min(lowest, low), max(highest, high)
        whole[2], whole[3] = min(whole[2], lowest), max(whole[3], highest)
        if average[0] == 0.0:
            average[1], average[2], average[3], average[4] = lowest, highest, lowest, highest
        else:
            average[3] += MOMENTUM * (lowest - average[3])
            average[4] += MOMENTUM * (highest - average[4])
        average[0] += 1.0
    return True


@njit(cache=True, nogil=True)
def observe_planes(x, bits, words, table, channels, whole, average):  # type: ignore[no-untyped-def]
    """Counts and folds samples whose channels lie each in one piece.

    Args:
        x: float32 ``(samples, C, n)``.
        bits: the same memory as int32.
        words: the same memory as uint32.
        table: uint32 ``(TABLE,)``, added to.
        channels: see :func:`_merge`, like the rest and the value returned.
        whole: as above.
        average: as above.
    """
    samples, n, size = x.shape
    sums = np.zeros((samples, n, 2))
    ordered = np.empty((samples, n, 2), np.int32)
    for s in range(samples):
        for c in range(n):
            low, high = np.int32(2147483647), np.int32(-2147483648)
            for start in range(0, size, _PIECE):
                stop = min(start + _PIECE, size)
                _count(words[s, c, start:stop], table)
                first, last = _reduce(x[s, c, start:stop], bits[s, c, start:stop], sums[s, c])
                low, high = min(low, first), max(high, last)
            ordered[s, c, 0] = low ^ ((low >> 31) & 0x7FFFFFFF)
            ordered[s, c, 1] = high ^ ((high >> 31) & 0x7FFFFFFF)
    return _merge(size, sums, ordered.view(np.float32), channels, whole, average)


@njit(cache=True, nogil=True, fastmath=_FAST)
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


@njit(cache=True, nogil=True)
def observe_lanes(x, words, table, channels, whole, average):  # type: ignore[no-untyped-def]
    """Counts and folds samples whose channels vary fastest, all of them or in blocks.

    Args:
        x: float32 ``(samples, blocks, rows, lanes)``; channel ``c`` is lane ``c % lanes`` of block ``c // lanes``; what
            is beyond the last channel is padding, and left out of the counts.
        words: the same memory as uint32.
        table: uint32 ``(TABLE,)``, added to.
        channels: see :func:`_merge`, like the rest and the value returned.
        whole: as above.
        average: as above.
    """
    samples, blocks, rows, lanes = x.shape
    n = channels.shape[1]
    piece = max(_PIECE // lanes // 4 * 4, 4)
    sums = np.zeros((samples, blocks * lanes, 2))
    ranges = np.empty((samples, blocks * lanes, 2), np.float32)
    total, squares = np.empty(lanes), np.empty(lanes)
    low, high = np.empty(lanes, np.float32), np.empty(lanes, np.float32)
    for s in range(samples):
        for b in range(blocks):
            total[:], squares[:], low[:], high[:] = 0.0, 0.0, np.inf, -np.inf
            valid = min(lanes, n - b * lanes)
            for start in range(0, rows, piece):
                stop = min(start + piece, rows)
                part = words[s, b, start:stop]
                if valid == lanes:
                    _count(part.reshape(part.size), table)
                else:
                    for i in range(stop - start):
                        for k in range(valid):
                            table[part[i, k] >> _SHIFT] += _ONE
                _reduce_lanes(x[s, b, start:stop], total, squares, low, high)
            for k in range(valid):
                c = b * lanes + k
                sums[s, c, 0], sums[s, c, 1] = total[k], squares[k]
                ranges[s, c, 0], ranges[s, c, 1] = low[k], high[k]
    return _merge(rows, sums, ranges, channels, whole, average)
