"""What is kept of one tensor while data streams past: counters, sums and ranges, whose size never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.observe.average import MovingRange
from qexplorer.observe.histogram import BINS, Histogram, from_ordered
from qexplorer.observe.stats import ChannelStats

__all__ = ["Accumulator", "Layout"]

_SPILL = 2**31  # the tables count in 32 bits; long before they are full they are emptied into 64
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the channels of an observed array are.

    Attributes:
        axis: 1, -1 (the last), or None for no channels.
        lanes: for ONNX Runtime's blocked layout (axis 1 in blocks of ``lanes``, which vary fastest, as in
            ``(n, c / lanes, h, w, lanes)``); None for plain arrays.
        channels: channels before padding to whole blocks (blocked layout only).
    """

    axis: int | None = None
    lanes: int | None = None
    channels: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Sums and ranges of one call, float64, shape ``(samples, channels)`` each."""

    count: Float64
    total: Float64
    squares: Float64
    low: Float64
    high: Float64


class Accumulator:
    """Takes arrays of one tensor, one after the other.

    Args:
        layout: where the channels are.
        ways: counter tables that take turns (1, 2 or 4): more are faster, each takes 256 kB.
    """

    def __init__(self, layout: Layout | None = None, ways: int = 4) -> None:
        self.layout = layout or Layout()
        self._tables = np.zeros((ways, BINS), np.uint32)
        self._spilled = np.zeros(BINS, np.int64)
        self._pending = 0
        self._channels: tuple[Float64, ...] | None = None
        self._axis_holds = True
        self._extremes = (np.inf, -np.inf, 0.0, 0.0)
        self.average = MovingRange()

    def add_values(self, array: NDArray[Any]) -> None:
        """Counts all values of ``array``, which is no batch of samples (a weight)."""
        self.add(array[None], 1)

    def add(self, array: NDArray[Any], samples: int) -> None:
        """Counts a batch of ``samples``; if the first axis is not theirs, the array is taken as one sample."""
        if not array.size:
            return
        with np.errstate(invalid="ignore", over="ignore"):
            x = np.ascontiguousarray(array, np.float32)
            self._make_room(x.size)
            batched = x.ndim > 0 and x.shape[0] == samples
            self._fold(self._count(x, samples if batched else 1), batched)

    def _make_room(self, values: int) -> None:
        self._pending += values
        if self._pending > _SPILL:
            self._spilled += self._tables.sum(0, dtype=np.int64)
            self._tables[:] = 0
            self._pending = values

    def _count(self, x: NDArray[np.float32], samples: int) -> _Seen:
        axis = self.layout.axis
        if self.layout.lanes:
            seen = _blocked(x, self.layout, self._tables)
        elif axis == 1 and x.ndim > 2 and x[0, 0].size > 1:
            seen = _planes(x.reshape(x.shape[0] * x.shape[1], -1), (x.shape[0], x.shape[1]), self._tables)
        elif axis is not None and x.ndim > 1:
            channels = x.shape[1] if axis == 1 else x.shape[-1]
            seen = _lanes(x.reshape(samples, -1, channels), self._tables)
        else:
            self._axis_holds = False
            seen = _planes(x.reshape(samples, -1), (samples, 1), self._tables)
        if np.isfinite(seen.squares.sum()):
            return seen
        return _finite_only(_plain(x, self.layout), samples, axis)

    def _fold(self, seen: _Seen, batched: bool) -> None:
        sample_low, sample_high = seen.low.min(1), seen.high.max(1)
        if not batched:
            sample_low, sample_high = sample_low.min(keepdims=True), sample_high.max(keepdims=True)
        self.average = self.average.then(MovingRange.of(sample_low, sample_high))
        low, high, total, squares = self._extremes
        self._extremes = (
            min(low, sample_low.min()),
            max(high, sample_high.max()),
            total + seen.total.sum(),
            squares + seen.squares.sum(),
        )
        new = (seen.count.sum(0), seen.total.sum(0), seen.squares.sum(0), seen.low.min(0), seen.high.max(0))
        if self._channels is None:
            self._channels = new
        elif len(new[0]) != len(self._channels[0]):
            self._axis_holds = False  # the number of channels changes with the data: they are none
        elif self._axis_holds:
            for old, value, fold in zip(self._channels, new, _FOLDS, strict=True):
                fold(old, value, out=old)

    def histogram(self) -> Histogram:
        """The histogram of everything so far."""
        counts = self._spilled + self._tables.sum(0, dtype=np.int64)
        low, high, total, squares = (float(v) for v in self._extremes)
        return Histogram(counts, minimum=low, maximum=high, total=total, squares=squares)

    def channels(self) -> ChannelStats | None:
        """Statistics per channel; None where there are no channels or their number changed."""
        if self._channels is None or not self._axis_holds:
            return None
        count, total, squares, low, high = self._channels
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / count
            std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        return ChannelStats(count.astype(np.int64), low.copy(), high.copy(), mean, std)


_FOLDS = (np.add, np.add, np.add, np.minimum, np.maximum)


def _planes(x: NDArray[np.float32], shape: tuple[int, int], tables: NDArray[np.uint32]) -> _Seen:
    from qexplorer.observe.kernels import observe_planes

    sums = np.zeros((len(x), 2))
    ordered = np.empty((len(x), 2), np.int32)
    observe_planes(x, x.view(np.int32), x.view(np.uint32), tables, sums, ordered)
    ranges = from_ordered(ordered).reshape(*shape, 2)
    folded = sums.reshape(*shape, 2)
    count = np.full(shape, float(x.shape[1]))
    return _Seen(count, folded[..., 0], folded[..., 1], ranges[..., 0], ranges[..., 1])


def _lanes(x: NDArray[np.float32], tables: NDArray[np.uint32], valid: NDArray[np.int64] | None = None) -> _Seen:
    from qexplorer.observe.kernels import observe_lanes

    groups, rows, lanes = x.shape
    sums = np.zeros((2, groups, lanes))
    ranges = np.empty((2, groups, lanes), np.float32)
    ranges[0], ranges[1] = np.inf, -np.inf
    if valid is None:
        valid = np.full(groups, lanes)
    observe_lanes(x, x.view(np.uint32), valid, tables, sums, ranges)
    count = np.full((groups, lanes), float(rows))
    return _Seen(count, sums[0], sums[1], ranges[0].astype(np.float64), ranges[1].astype(np.float64))


def _blocked(x: NDArray[np.float32], layout: Layout, tables: NDArray[np.uint32]) -> _Seen:
    lanes = layout.lanes or 1
    samples, padded = x.shape[:2]
    blocks = padded // lanes
    valid = np.full(blocks, lanes)
    valid[-1] = layout.channels - (blocks - 1) * lanes
    seen = _lanes(x.reshape(samples * blocks, -1, lanes), tables, np.tile(valid, samples))
    parts = (seen.count, seen.total, seen.squares, seen.low, seen.high)
    return _Seen(*(part.reshape(samples, padded)[:, : layout.channels] for part in parts))


def _plain(x: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """A blocked array in the usual order, without its padding; others as they are."""
    if not layout.lanes:
        return x
    samples, padded, *space = x.shape
    blocks = np.moveaxis(x.reshape(samples, padded // layout.lanes, *space, layout.lanes), -1, 2)
    return blocks.reshape(samples, padded, *space)[:, : layout.channels]


def _finite_only(x: NDArray[np.float32], samples: int, axis: int | None) -> _Seen:
    """Sums and ranges without NaN and infinity: the slow way, for the rare batch that has them."""
    if axis is None or x.ndim < 2:
        rows = x.reshape(samples, 1, -1)
    elif axis == 1:
        rows = x.reshape(x.shape[0], x.shape[1], -1)
    else:
        rows = np.moveaxis(x.reshape(samples, -1, x.shape[-1]), 2, 1)
    wide = rows.astype(np.float64)
    finite = np.isfinite(wide)
    safe = np.where(finite, wide, 0.0)
    low, high = np.where(finite, wide, np.inf).min(2), np.where(finite, wide, -np.inf).max(2)
    return _Seen(finite.sum(2).astype(np.float64), safe.sum(2), (safe**2).sum(2), low, high)
