"""A histogram that needs no range beforehand, grows with nothing, and can be merged by adding.

Bins are the 65,536 possible top halves of a float32 (its bfloat16 prefix): sign, 8 bits of exponent, 7 of mantissa. So
each octave has 128 bins, a bin is at most 1/128 of its value wide, and which bin a value falls in is a shift of its
bits. One pass over the data is enough for every calibrator and every error estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Bins", "Histogram", "from_ordered"]

BINS = 65536
_INFINITE = 0x7F80  # prefixes from here to 0x7FFF are infinity and NaN
_NEGATIVE = 0x8000

Float64 = NDArray[np.float64]


def from_ordered(ordered: NDArray[np.int32]) -> Float64:
    """Values of float32 bit patterns that were turned into integers in the order of the values: negative ones have all
    bits but the sign inverted."""
    return (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).view(np.float32).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins that hold something, in ascending order of their values; they do not overlap.

    Attributes:
        low: float64 ``(n,)``, lower edges.
        high: float64 ``(n,)``, upper edges; equal to ``low`` where all values of the bin are the same.
        count: float64 ``(n,)``, values in each.
    """

    low: Float64
    high: Float64
    count: Float64

    @cached_property
    def cumulative(self) -> Float64:
        """Values at or below the upper edge of each bin, ``(n,)``."""
        return np.cumsum(self.count)

    def below(self, x: Float64) -> Float64:
        """How many values are <= each of ``x`` (any shape), with values spread evenly over their bins."""
        if not len(self.count):
            return np.zeros(np.shape(x))
        index = np.searchsorted(self.low, x, side="right") - 1
        at = np.maximum(index, 0)
        width = self.high[at] - self.low[at]
        part = np.divide(x - self.low[at], width, out=np.ones(np.shape(x)), where=width > 0)
        inside = self.cumulative[at] - self.count[at] * (1.0 - np.clip(part, 0.0, 1.0))
        return np.where(index < 0, 0.0, inside)

    def folded(self) -> Bins:
        """The bins of the absolute values. Bins of opposite sign with equal edges stay apart (edges may repeat)."""
        flip = self.high <= 0
        low, high = np.where(flip, -self.high, self.low), np.where(flip, -self.low, self.high)
        order = np.argsort(low, kind="stable")
        return Bins(low[order], high[order], self.count[order])


class Histogram:
    """Counts of values by their bfloat16 prefix, with exact extremes and sums. Its size never changes.

    Values are counted by ``collecting.accumulate`` (``histogram_of`` for one array).

    Attributes:
        counts: int64 ``(65536,)``: values whose top 16 bits are the index, NaN and infinity included.
        minimum: smallest finite value; +inf when there is none.
        maximum: largest finite value; -inf when there is none.
        total: sum of the finite values.
        squares: sum of their squares.
    """

    __slots__ = ("_bins", "counts", "maximum", "minimum", "squares", "total")

    def __init__(
        self,
        counts: NDArray[np.int64] | None = None,
        *,
        minimum: float = math.inf,
        maximum: float = -math.inf,
        total: float = 0.0,
        squares: float = 0.0,
    ) -> None:
        self.counts = np.zeros(BINS, np.int64) if counts is None else counts
        self.minimum, self.maximum = minimum, maximum
        self.total, self.squares = total, squares
        self._bins: Bins | None = None

    def merge(self, other: Histogram) -> Histogram:
        """Adds ``other``'s values to these; returns self. Order and grouping of merges do not matter."""
        self.counts += other.counts
        self.minimum, self.maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        self.total += other.total
        self.squares += other.squares
        self._bins = None
        return self

    def turned(self) -> Histogram:
        """The histogram of the same values with the other sign."""
        counts = np.roll(self.counts, _NEGATIVE)
        return Histogram(counts, minimum=-self.maximum, maximum=-self.minimum, total=-self.total, squares=self.squares)

    @property
    def nonfinite(self) -> int:
        """How many values are NaN or infinite."""
        return int(self.counts[_INFINITE:_NEGATIVE].sum() + self.counts[_NEGATIVE + _INFINITE :].sum())

    @property
    def count(self) -> int:
        """How many finite values were counted."""
        return int(self.counts.sum()) - self.nonfinite

    @property
    def zeros(self) -> int:
        """How many values are zero (or so small, below 2**-133, that their prefix is that of zero)."""
        return int(self.counts[0] + self.counts[_NEGATIVE])

    @property
    def mean(self) -> float:
        """Mean of the finite values; NaN when there is none."""
        return self.total / self.count if self.count else math.nan

    @property
    def std(self) -> float:
        """Standard deviation of the finite values (of the population); NaN when there is none."""
        if not self.count:
            return math.nan
        return math.sqrt(max(self.squares / self.count - self.mean**2, 0.0))

    @property
    def kurtosis(self) -> float:
        """Fourth standardized moment: 3 for a normal distribution, more for heavy tails; NaN for a constant.

        Integrated over the bins with even density inside each, around the exact mean.
        """
        if not self.std:
            return math.nan
        bins = self.bins
        middle, half = (bins.low + bins.high) / 2 - self.mean, (bins.high - bins.low) / 2
        fourth = middle**4 + 2 * middle**2 * half**2 + half**4 / 5
        return float(np.dot(bins.count, fourth) / self.count / self.std**4)

    def outliers(self, deviations: float = 6.0) -> int:
        """How many values lie further than ``deviations`` standard deviations from the mean."""
        if not self.count or not self.std:
            return 0
        reach = deviations * self.std
        edges = np.array([np.nextafter(self.mean - reach, -np.inf), self.mean + reach])
        below, upto = self.bins.below(edges)
        return round(float(below + self.count - upto))

    @property
    def bins(self) -> Bins:
        """The bins that hold finite values, the outermost cut to the exact minimum and maximum."""
        if self._bins is None:
            self._bins = self._occupied()
        return self._bins

    def _occupied(self) -> Bins:
        negative = np.arange(_NEGATIVE + _INFINITE - 1, _NEGATIVE, -1)
        positive = np.arange(0, _INFINITE)
        order = np.concatenate([negative, positive])
        count = self.counts[order]
        count[len(negative)] += self.counts[_NEGATIVE]  # -0 is 0
        kept = np.flatnonzero(count)
        prefix = order[kept].astype(np.uint32)
        near = (prefix << 16).view(np.float32).astype(np.float64)
        far = np.where(prefix & 0x7FFF, ((prefix + 1) << 16).view(np.float32).astype(np.float64), 0.0)
        far[~np.isfinite(far)] = np.copysign(2.0**128, near[~np.isfinite(far)])  # past the largest finite prefix
        low, high = np.minimum(near, far), np.maximum(near, far)
        if len(kept):
            low[0], high[-1] = max(low[0], self.minimum), min(high[-1], self.maximum)
            high[0], low[-1] = max(high[0], low[0]), min(low[-1], high[-1])
        return Bins(low, high, count[kept].astype(np.float64))

    def bars(self, bins: int, low: float, high: float) -> Float64:
        """Counts in ``bins`` equal bars from ``low`` to ``high``, for drawing: float64 ``(bins,)``.

        Values are spread evenly over their own bins; the first bar contains ``low`` itself, each bar its upper edge.
        """
        edges = np.linspace(low, high, bins + 1)
        upto = self.bins.below(edges)
        upto[0] = self.bins.below(np.nextafter(edges[:1], -np.inf))[0]
        return np.diff(upto)

    def quantile(self, p: float) -> float:
        """The value that a part ``p`` (0 to 1) of the values does not exceed; NaN when there is none."""
        return self.quantile_of(self.bins, p)

    def magnitude_quantile(self, p: float) -> float:
        """The same of the absolute values."""
        return self.quantile_of(self.bins.folded(), p)

    @staticmethod
    def quantile_of(bins: Bins, p: float) -> float:
        """The quantile ``p`` of values in ``bins``, spread evenly inside each; NaN when there is none."""
        if not len(bins.count):
            return math.nan
        wanted = p * bins.cumulative[-1]
        at = min(int(np.searchsorted(bins.cumulative, wanted, side="left")), len(bins.count) - 1)
        part = 1.0 - (bins.cumulative[at] - wanted) / bins.count[at]
        return float(bins.low[at] + (bins.high[at] - bins.low[at]) * min(max(part, 0.0), 1.0))
