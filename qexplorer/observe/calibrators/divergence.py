"""The range whose quantized distribution diverges least from the real one (Migacz 2017, 8-bit inference with TensorRT).

For each candidate range the values beyond it are counted in its outermost bins (P); the bins inside are merged into as
many groups as the grid has codes, and each group's count is spread evenly over its bins that hold anything (Q). The
range with the least KL(P || Q) is chosen. Differences from the talk, which speaks of one signed 8-bit format:

1. Any format of up to 8 bits; groups are the grid's own codes, so bins follow the real zero point. Wider formats
   resolve more than the histogram does, and keep the whole range.
2. Asymmetric grids choose their two ends in turns, twice.
3. Exact zeros are left out: zero is on every grid, and the zeros of a ReLU would drown everything else.
4. The divergence that counting few values in many bins makes by chance, about (bins - codes) / (2 values), is taken off
   (Miller 1955): without that, small tensors would always be clipped hard.
5. Bins must be fine beside the values: no range beyond 128 times the magnitude that nine tenths of the values do not
   exceed is tried, and while the best range is less than half of the bins, they are made again over twice that range.
   So one far outlier does not put all other values into one bin, which would look like no loss at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.observe.histogram import Bins, Histogram
from qexplorer.observe.rows import in_parts

__all__ = ["least_divergence", "least_divergence_of_rows"]

_BINS = 2048
_PER_LEVEL = 16
_CANDIDATES = 64
_ZOOMS = 8
_FARTHEST = 128.0
_FINEST = 8  # wider grids resolve more than a histogram does
_ROW_VALUES = 8  # a bin of a row holds at least so many values on average, or the counts are mostly chance
_ROW_CANDIDATES = 32
Float64 = NDArray[np.float64]


def least_divergence(histogram: Histogram, wanted: Wanted) -> tuple[float, float]:
    """The range ``(low, high)`` with the least divergence; the whole range for formats of more than 8 bits."""
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    if wanted.format.bits > _FINEST or low == high:
        return low, high
    bins = _without_zeros(histogram.bins)
    farthest = _FARTHEST * Histogram.quantile_of(bins.folded(), 0.9)
    low, high = max(low, -farthest), min(high, farthest)
    if wanted.symmetric:
        end = _one_sided(bins, max(-low, high), wanted.steps // 2)
        return (-end if low < 0 else 0.0), (end if high > 0 else 0.0)
    levels = wanted.steps
    if low == 0.0:
        return 0.0, _one_sided(bins, high, levels)
    if high == 0.0:
        return -_one_sided(bins, -low, levels), 0.0
    return _two_sided(bins, low, high, levels)


def least_divergence_of_rows(rows: Float32, wanted: Wanted) -> Float64:
    """The range ``(rows, 2)`` of each channel: one magnitude bounds both ends, found on its own histogram."""
    from qexplorer.observe.grid_kernels import rows_divergence

    low = np.minimum(rows.min(1, initial=0.0), 0.0).astype(np.float64)
    high = np.maximum(rows.max(1, initial=0.0), 0.0).astype(np.float64)
    ends = np.maximum(-low, high)
    if wanted.format.bits <= _FINEST:
        levels = max(wanted.steps // 2, 1)
        n = min(max(rows.shape[1] // _ROW_VALUES, 2 * levels), 16 * levels)
        stops = np.unique(np.rint(np.geomspace(levels, n, _ROW_CANDIDATES)).astype(np.int64))

        def search(part: slice) -> None:
            rows_divergence(rows[part], ends[part], float(levels), n, stops)

        in_parts(rows.size, len(rows), search)
    return np.stack([np.maximum(low, -ends), np.minimum(high, ends)], -1)


def _without_zeros(bins: Bins) -> Bins:
    kept = (bins.low != 0.0) | (bins.high != 0.0)
    return Bins(bins.low[kept], bins.high[kept], bins.count[kept])


def _linear(bins: Bins, low: float, high: float, n: int) -> Float64:
    """Counts below ``low``, in ``n`` equal bins up to ``high``, and above: ``(n + 2,)``."""
    edges = np.concatenate([[-np.inf], np.linspace(low, high, n + 1), [np.inf]])
    upto = bins.below(edges)
    upto[1] = bins.below(np.nextafter(edges[1:2], -np.inf))[0]  # the first bin contains its lower edge
    return np.diff(upto)


def _magnitudes(bins: Bins, end: float, n: int) -> Float64:
    """The same for absolute values from 0 to ``end``."""
    positive, negative = bins.low > 0, bins.high < 0
    counts = _linear(Bins(bins.low[positive], bins.high[positive], bins.count[positive]), 0.0, end, n)
    mirrored = Bins(-bins.high[negative][::-1], -bins.low[negative][::-1], bins.count[negative][::-1])
    return counts + _linear(mirrored, 0.0, end, n)


def _steps(first: int, last: int) -> NDArray[np.int64]:
    """Whole numbers from ``first`` to ``last``, about evenly spread on a logarithmic scale."""
    return np.unique(np.rint(np.geomspace(first, last, _CANDIDATES)).astype(np.int64))


def _one_sided(bins: Bins, end: float, levels: int) -> float:
    """The best end of a range of absolute values from 0."""
    from qexplorer.observe.grid_kernels import divergences

    n = max(_BINS, _PER_LEVEL * levels)
    stops, chosen = _steps(levels, n), end
    for _ in range(_ZOOMS):
        counts = _magnitudes(bins, end, n)
        found = divergences(counts, 0.0, end / n, np.zeros_like(stops), stops, float(levels))
        best = int(stops[np.argmin(found)])
        chosen = best * end / n
        if 2 * best >= n:
            break
        end = 2.0 * chosen
    return chosen


def _two_sided(bins: Bins, low: float, high: float, levels: int) -> tuple[float, float]:
    """The best lower and upper end of a range around 0, chosen in turns."""
    from qexplorer.observe.grid_kernels import divergences

    n, chosen = max(_BINS, _PER_LEVEL * levels), (low, high)
    for _ in range(_ZOOMS):
        width = (high - low) / n
        counts = _linear(bins, low, high, n)
        zero = min(max(round(-low / width), 1), n - 1)  # the bin that begins at 0, nearly
        start, stop = 0, n
        for _ in range(2):
            stops = zero + _steps(1, n - zero)
            stops = stops[stops - start >= levels]
            found = divergences(counts, low, width, np.full_like(stops, start), stops, float(levels))
            stop = int(stops[np.argmin(found)])
            starts = zero - _steps(1, zero)
            starts = starts[stop - starts >= levels]
            found = divergences(counts, low, width, starts, np.full_like(starts, stop), float(levels))
            start = int(starts[np.argmin(found)])
        chosen = (low + start * width, low + stop * width)
        if 2 * (stop - start) >= n:
            break
        low, high = max(low, 2.0 * chosen[0]), min(high, 2.0 * chosen[1])
    return chosen
