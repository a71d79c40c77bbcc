"""The range with the least mean squared error, over candidates that shrink from the whole range.

The error is not sampled: it is integrated over the histogram's bins (see ``error``), so a candidate costs about 0.03 ms
whatever the tensor's size. First one bound on the magnitude of both ends falls by eighths of an octave; then each end
of an asymmetric grid (both of a symmetric one) is moved around the best, twice.

Choukroun et al. 2019, Low-bit quantization of neural networks for efficient inference, minimize the same quantity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Format
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
    from qexplorer.observe.grid_kernels import bins_cost

    bins = histogram.bins
    levels = float(steps_of(format, symmetric=symmetric))
    lowest, highest = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    widest = max(-lowest, highest)
    if symmetric:
        lowest, highest = -widest, widest

    def cost(span: tuple[float, float]) -> float:
        return float(bins_cost(bins.low, bins.high, bins.count, span[0], span[1], levels))

    best, chosen = cost((lowest, highest)), (lowest, highest)
    for bound in BOUNDS * widest:
        span = (max(lowest, -float(bound)), min(highest, float(bound)))
        here = cost(span)
        if here < best:
            best, chosen = here, span
        elif here > 4.0 * best:
            break  # both parts of the error are convex in the bound: it only gets worse
    for factors in FACTORS:
        for ends in ((1, 1),) if symmetric else ((0, 1), (1, 0)):
            low, high = chosen
            spans = [
                (max(low * f, lowest) if ends[0] else low, min(high * f, highest) if ends[1] else high)
                for f in map(float, factors)
            ]
            chosen = min([*spans, chosen], key=cost)
    return chosen
