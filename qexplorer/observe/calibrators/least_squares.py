"""The range with the least mean squared error, over candidates that shrink from the whole range.

The error is not sampled: it is integrated over the histogram's bins (see ``error``), so a candidate costs about 0.03 ms
whatever the tensor's size. First one bound on the magnitude of both ends falls by eighths of an octave; then each end
of an asymmetric grid (both of a symmetric one) is moved around the best, twice.

Choukroun et al. 2019, Low-bit quantization of neural networks for efficient inference, minimize the same quantity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.observe.calibrators.spans import row_spans
from qexplorer.observe.histogram import Histogram
from qexplorer.observe.rows import in_parts

__all__ = ["least_squares", "least_squares_of_rows"]

_BOUNDS: NDArray[np.float64] = 2.0 ** (-np.arange(1, 161) / 8)  # down to one millionth: one outlier can be that far
_FACTORS: NDArray[np.float64] = np.stack(  # first an octave in and a quarter out, then a twelfth of an octave each way
    [2.0 ** (np.linspace(-1.0, 0.25, 11)), 2.0 ** (np.linspace(-1 / 12, 1 / 12, 11))]
)


_DEEPEST = 40  # bounds tried on one channel or block: down to 1/32 of its range


def least_squares(histogram: Histogram, wanted: Wanted) -> tuple[float, float]:
    """The range ``(low, high)`` with the least mean squared error on the grid it leads to."""
    from qexplorer.observe.grid_kernels import bins_cost

    bins = histogram.bins
    levels = float(wanted.steps)
    lowest, highest = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    widest = max(-lowest, highest)
    if wanted.symmetric:
        lowest, highest = -widest, widest

    def cost(span: tuple[float, float]) -> float:
        return float(bins_cost(bins.low, bins.high, bins.count, span[0], span[1], levels))

    best, chosen = cost((lowest, highest)), (lowest, highest)
    for bound in _BOUNDS * widest:
        span = (max(lowest, -float(bound)), min(highest, float(bound)))
        here = cost(span)
        if here < best:
            best, chosen = here, span
        elif here > 4.0 * best:
            break  # both parts of the error are convex in the bound: it only gets worse
    for factors in _FACTORS:
        for ends in ((1, 1),) if wanted.symmetric else ((0, 1), (1, 0)):
            low, high = chosen
            spans = [
                (max(low * f, lowest) if ends[0] else low, min(high * f, highest) if ends[1] else high)
                for f in map(float, factors)
            ]
            chosen = min([*spans, chosen], key=cost)
    return chosen


def least_squares_of_rows(rows: Float32, block: int, wanted: Wanted) -> NDArray[np.float64]:
    """The range ``(rows, blocks, 2)`` of each group of values, judged on the values themselves."""
    from qexplorer.observe.grid_kernels import rows_search

    ranges = row_spans(rows, block)
    if wanted.symmetric:
        ends = np.maximum(-ranges[..., 0], ranges[..., 1])
        ranges = np.stack([-ends, ends], -1)
    levels = float(wanted.steps)

    def search(part: slice) -> None:
        rows_search(rows[part], block, ranges[part], levels, wanted.symmetric, _BOUNDS[:_DEEPEST], _FACTORS)

    in_parts(rows.size, len(rows), search)
    return ranges
