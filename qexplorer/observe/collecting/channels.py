"""The channels of one tensor in detail: kurtosis, zeros, outliers and the error of a grid, channel by channel.

One pass over calibration data keeps range, mean and deviation of every channel of every tensor. What is here needs a
histogram per channel, which would cost that pass too much for all tensors at once; so it is found for the tensor that
somebody looks at, in a pass of its own (an activation) or from the file (a weight). Each channel has 4,096 bins over
the top 12 bits of a float32: an eighth of an octave, enough for the error of a grid to about 1 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Grid
from qexplorer.core.model import Model
from qexplorer.observe.collecting.stream import stream
from qexplorer.observe.error import ErrorSplit, bins_sums
from qexplorer.observe.rows import as_rows
from qexplorer.observe.stats import TensorStats

__all__ = ["OUTLIER", "ChannelDetail", "collect_channels", "errors_of_channels", "weight_channels"]

OUTLIER = 6.0
"""Values farther from their channel's mean than this many standard deviations are called outliers."""

_SHIFT, _BINS = 20, 4096
_PIECE = 2**22  # values looked at together, so that copies stay small


@dataclass(frozen=True, slots=True, eq=False)
class ChannelDetail:
    """What is known of each channel beyond its range, mean and deviation; NaN and infinity are left out.

    Attributes:
        kurtosis: float64 ``(C,)``, fourth standardized moment (3 for a normal distribution); NaN for a constant.
        zeros: int64 ``(C,)``, values that are exactly zero.
        outliers: int64 ``(C,)``, values beyond ``OUTLIER`` standard deviations from the channel's mean.
        counts: int64 ``(C, 4096)``, values in each bin of the top 12 bits.
    """

    kurtosis: NDArray[np.float64]
    zeros: NDArray[np.int64]
    outliers: NDArray[np.int64]
    counts: NDArray[np.int64]


class _Collector:
    """Adds up what is known of the channels of ``stats`` while their values stream past."""

    def __init__(self, stats: TensorStats) -> None:
        if stats.channels is None:
            raise ValueError(f"'{stats.name}' has no channels")
        known = stats.channels
        n = len(known.count)
        self._known, self._mean, self._std = known, known.mean[:, None], known.std[:, None]
        self._fourth, self._zeros, self._outliers = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._counts = np.zeros(n * _BINS, np.int64)
        self._first = (np.arange(n, dtype=np.int64) * _BINS)[:, None]

    def add(self, rows: NDArray[np.float32]) -> None:
        """Takes ``rows``, shape ``(C, values)``."""
        width = max(_PIECE // len(rows), 1)
        for start in range(0, rows.shape[1], width):
            self._add(np.ascontiguousarray(rows[:, start : start + width]))

    def _add(self, x: NDArray[np.float32]) -> None:
        finite = np.isfinite(x)
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.where(finite, x - self._mean, 0.0)
            self._fourth += (distance**4).sum(1)
        self._zeros += (x == 0.0).sum(1)
        self._outliers += (np.abs(distance) > OUTLIER * self._std).sum(1)
        bins = (x.view(np.uint32) >> np.uint32(_SHIFT)).astype(np.int64) + self._first
        self._counts += np.bincount(bins[finite], minlength=self._counts.size)

    def detail(self) -> ChannelDetail:
        """What was found."""
        with np.errstate(invalid="ignore", divide="ignore"):
            kurtosis = self._fourth / np.maximum(self._known.count, 1) / self._known.std**4
        counts = self._counts.reshape(-1, _BINS)
        return ChannelDetail(np.where(self._known.std > 0, kurtosis, np.nan), self._zeros, self._outliers, counts)


def weight_channels(stats: TensorStats) -> ChannelDetail:
    """The channels of a weight, from its values; ValueError for a tensor without values or channels."""
    if stats.array is None or stats.axis is None:
        raise ValueError(f"'{stats.name}' is no weight with channels")
    collector = _Collector(stats)
    collector.add(as_rows(stats.array, stats.axis))
    return collector.detail()


def collect_channels(
    model: Model,
    split: Split,
    stats: TensorStats,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ChannelDetail:
    """The channels of an activation, in a pass of its own over the samples that ``stats`` comes from.

    Args:
        model: the float model.
        split: the samples.
        stats: the activation's statistics on these samples.
        threads: of inference.
        progress: called with (samples done, samples in all).

    Raises:
        ValueError: the tensor has no channels.
        BackendError: ONNX Runtime cannot run the model.
    """
    collector, axis = _Collector(stats), stats.axis
    for array, done in stream(model, split, stats.name, threads=threads):
        collector.add(_as_channels(array, axis))
        if progress is not None:
            progress(done, split.n)
    return collector.detail()


def _as_channels(array: NDArray[Any], axis: int | None) -> NDArray[np.float32]:
    assert axis is not None
    moved = np.moveaxis(np.asarray(array, np.float32), axis, 0)
    return moved.reshape(len(moved), -1)


def errors_of_channels(stats: TensorStats, detail: ChannelDetail, grid: Grid) -> tuple[ErrorSplit, ...]:
    """The error of each channel on a per-tensor grid, integrated over its bins with values spread evenly inside.

    Raises:
        ValueError: the grid is not per tensor, or the tensor has no channels.
    """
    if grid.axis is not None or stats.channels is None:
        raise ValueError("the channels of an activation share one grid")
    low, high = _edges()
    found = []
    for c, counts in enumerate(detail.counts):
        held = np.flatnonzero(counts)
        held = held[np.argsort(low[held])]
        ends = (stats.channels.minimum[c], stats.channels.maximum[c])
        left, right = np.clip(low[held], *ends), np.clip(high[held], *ends)
        sums = bins_sums(left, right, counts[held].astype(np.float64), grid)
        n = int(stats.channels.count[c])
        squares = n * (stats.channels.std[c] ** 2 + stats.channels.mean[c] ** 2)
        found.append(ErrorSplit.of_sums((*sums, squares), n))
    return tuple(found)


def _edges() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest value of each bin: ``(4096,)`` twice."""
    prefix = np.arange(_BINS, dtype=np.uint32) << np.uint32(_SHIFT)
    with np.errstate(invalid="ignore"):  # the last bins of either sign are NaN, and nothing is counted in them
        nearest = prefix.view(np.float32).astype(np.float64)
        farthest = (prefix | np.uint32(2**_SHIFT - 1)).view(np.float32).astype(np.float64)
    return np.minimum(nearest, farthest), np.maximum(nearest, farthest)
