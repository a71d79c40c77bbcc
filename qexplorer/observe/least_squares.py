"""The range with the least mean squared error, over candidates that shrink from the whole range.

The error is not sampled: it is integrated over the histogram's bins (see ``error``), so a candidate costs about 0.03 ms
whatever the tensor's size. First one bound on the magnitude of both ends falls by eighths of an octave; then each end
of an asymmetric grid (both of a symmetric one) is moved around the best, twice.

Source: Choukroun et al. 2019, Low-bit quantization of neural networks for efficient inference, minimize the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Format
from qexplorer.core.grid import grid_from_range
from qexplorer.observe.histogram import Histogram

__all__ = ["BOUNDS", "FACTORS", "least_squares", "steps_of"]

BOUNDS: NDArray[np.float64] = 2.0 ** (-np.arange(1, 161) / 8)  # down to one millionth: one outlier can be that far
FACTORS: NDArray[np.float64] = np.stack(  # first an octave in and a quarter out, then a twelfth of an octave each way
    [2.0 ** (np.linspace(-1.0, 0.25, 11)), 2.0 ** (np.linspace(-1 / 12, 1 / 12, 11))]
)


def steps_of(format: Format, *, symmetric: bool) -> int:
    """Steps from one end of a grid to the other."""
    if not symmetric:
        return format.qmax - format.qmin
    qmin, qmax = format.symmetric_range
    return 2 * (qmax - (0 if format.signed else (qmax + 1) // 2)) if qmax > qmin else 1


def least_squares(histogram: Histogram, format: Format, *, symmetric: bool) -> tuple[float, float]:
    """The range ``(low, high)`` with the least mean squared error on the grid it leads to."""
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    widest = bound = max(-low, high)
    best = _cost(histogram, low, high, format, symmetric)
    for part in BOUNDS:
        cost = _cost(histogram, max(low, -part * widest), min(high, part * widest), format, symmetric)
        if cost < best:
            best, bound = cost, part * widest
        elif cost > 4.0 * best:
            break  # both parts of the error are convex in the bound: it only gets worse
    whole = (low, high)
    low, high = max(low, -bound), min(high, bound)
    for factors in FACTORS:
        for ends in ((1, 1),) if symmetric else ((0, 1), (1, 0)):
            spans = [
                (max(low * f, whole[0]) if ends[0] else low, min(high * f, whole[1]) if ends[1] else high)
                for f in factors
            ]
            spans.append((low, high))
            low, high = min(spans, key=lambda span: _cost(histogram, span[0], span[1], format, symmetric))
    return float(low), float(high)


def _cost(histogram: Histogram, low: float, high: float, format: Format, symmetric: bool) -> float:
    from qexplorer.observe.grid_kernels import bins_error

    grid = grid_from_range(low, high, format, symmetric=symmetric)
    bins = histogram.bins
    rounding, clipping, _ = bins_error(
        bins.low, bins.high, bins.count, float(grid.scale), float(grid.low), float(grid.high)
    )
    return float(rounding + clipping)
