"""What is kept of one tensor while data streams past: counters, sums and ranges, whose size never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.observe.collecting.average import MovingRange
from qexplorer.observe.histogram import BINS, Histogram
from qexplorer.observe.rows import frozen
from qexplorer.observe.stats import ChannelStats

__all__ = ["Accumulator", "ChannelLayout", "histogram_of"]

_SPILL = 2**31  # the table counts in 32 bits; long before it is full it is emptied into 64


@dataclass(frozen=True, slots=True)
class ChannelLayout:
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


class Accumulator:
    """Takes arrays of one tensor, one after the other.

    Args:
        layout: where the channels are.
    """

    def __init__(self, layout: ChannelLayout | None = None) -> None:
        from qexplorer.observe.kernels import TABLE

        self.layout = layout or ChannelLayout()
        self._table = np.zeros(TABLE, np.uint32)
        self._spilled: NDArray[np.int64] | None = None
        self._pending = 0
        self._whole = np.array([0.0, 0.0, np.inf, -np.inf])
        self._average = np.zeros(5)
        self._channels = _no_channels(0)
        self._axis_holds = True

    def add_values(self, array: NDArray[Any]) -> None:
        """Counts all values of ``array``, which is no batch of samples (a weight)."""
        self.add(array[None], 1)

    def add(self, array: NDArray[Any], samples: int) -> None:
        """Counts a batch of ``samples``; if the first axis is not theirs, the array is taken as one sample."""
        if not array.size:
            return
        with np.errstate(invalid="ignore", over="ignore"):
            x = frozen(np.ascontiguousarray(array, np.float32))
        self._make_room(x.size)
        if self.layout.lanes:
            self._add_lanes(x.reshape(len(x), x.shape[1] // self.layout.lanes, -1, self.layout.lanes))
            return
        if not x.ndim or x.shape[0] != samples:
            x = x[None]
        axis = self.layout.axis
        if axis is None or array.ndim < 2:
            self._axis_holds = False
            self._add_planes(x.reshape(len(x), 1, -1))
        elif axis == 1 and x.ndim == array.ndim and x[0, 0].size > 1:
            self._add_planes(x.reshape(len(x), x.shape[1], -1))
        elif axis == 1 and x.ndim > array.ndim:  # no batch: its own first axis is before the channels
            self._add_planes(frozen(np.ascontiguousarray(np.moveaxis(x, 2, 1))).reshape(1, x.shape[2], -1))
        else:
            self._add_lanes(x.reshape(len(x), 1, -1, x.shape[1] if axis == 1 else x.shape[-1]))

    def _make_room(self, values: int) -> None:
        self._pending += values
        if self._pending > _SPILL:
            self._spilled = self._counts()
            self._table[:] = 0
            self._pending = values

    def _counts(self) -> NDArray[np.int64]:
        counts = self._table[:BINS].astype(np.int64)
        counts[0] += self._table[BINS:].sum(dtype=np.int64)
        return counts if self._spilled is None else counts + self._spilled

    def _room_for(self, channels: int) -> NDArray[np.float64]:
        """What is kept of each channel; something to write to and forget where their number changes with the data."""
        if not self._channels.shape[1]:
            self._channels = _no_channels(channels)
        self._axis_holds &= self._channels.shape[1] == channels
        return self._channels if self._channels.shape[1] == channels else _no_channels(channels)

    def _add_planes(self, x: NDArray[np.float32]) -> None:
        """``x`` is ``(samples, channels, values)``."""
        from qexplorer.observe.kernels import observe_planes

        kept = (self._room_for(x.shape[1]), self._whole, self._average)
        if not observe_planes(x, x.view(np.int32), x.view(np.uint32), self._table, *kept):
            _fold_finite(x, *kept)

    def _add_lanes(self, x: NDArray[np.float32]) -> None:
        """``x`` is ``(samples, blocks, rows, lanes)``."""
        from qexplorer.observe.kernels import observe_lanes

        channels = self.layout.channels if self.layout.lanes else x.shape[3]
        kept = (self._room_for(channels), self._whole, self._average)
        if not observe_lanes(x, x.view(np.uint32), self._table, *kept):
            plain = np.moveaxis(x, 3, 2).reshape(len(x), x.shape[1] * x.shape[3], -1)
            _fold_finite(plain[:, :channels], *kept)

    @property
    def average(self) -> MovingRange:
        """The moving average of the samples' ranges so far."""
        count, *ends = (float(v) for v in self._average)
        return MovingRange(int(count), *ends)

    def histogram(self) -> Histogram:
        """The histogram of everything so far."""
        total, squares, low, high = (float(v) for v in self._whole)
        return Histogram(self._counts(), minimum=low, maximum=high, total=total, squares=squares)

    def channels(self) -> ChannelStats | None:
        """Statistics per channel; None where there are no channels or their number changed."""
        if not self._axis_holds or not self._channels.shape[1]:
            return None
        count, total, squares, low, high = self._channels
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / count
            std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        return ChannelStats(count.astype(np.int64), low.copy(), high.copy(), mean, std)


def histogram_of(array: NDArray[Any]) -> Histogram:
    """The histogram of all values of ``array`` (any shape; other types are converted to float32 first)."""
    accumulator = Accumulator()
    accumulator.add_values(np.asarray(array))
    return accumulator.histogram()


def _no_channels(n: int) -> NDArray[np.float64]:
    """Count, sum, sum of squares, minimum and maximum of ``n`` channels that have no value yet: ``(5, n)``."""
    return np.repeat(np.array([[0.0], [0.0], [0.0], [np.inf], [-np.inf]]), n, axis=1)


def _fold_finite(
    x: NDArray[np.float32],
    channels: NDArray[np.float64],
    whole: NDArray[np.float64],
    average: NDArray[np.float64],
) -> None:
    """Folds ``(samples, channels, values)`` in without NaN and infinity: the slow way, for the rare batch with some."""
    wide = x.astype(np.float64)
    finite = np.isfinite(wide)
    safe, low, high = (np.where(finite, wide, other) for other in (0.0, np.inf, -np.inf))
    channels[0] += finite.sum((0, 2))
    channels[1] += safe.sum((0, 2))
    channels[2] += (safe**2).sum((0, 2))
    np.minimum(channels[3], low.min((0, 2)), out=channels[3])
    np.maximum(channels[4], high.max((0, 2)), out=channels[4])
    whole += [safe.sum(), (safe**2).sum(), 0.0, 0.0]
    whole[2], whole[3] = min(whole[2], low.min()), max(whole[3], high.max())
    before = MovingRange(int(average[0]), *(float(v) for v in average[1:]))
    after = before.then(MovingRange.of(low.min((1, 2)), high.max((1, 2))))
    average[:] = (after.count, after.first_low, after.first_high, after.low, after.high)
