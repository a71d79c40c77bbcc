"""The range with the least mean squared error, over candidates that shrink from the whole range.

The error is not sampled: it is integrated over the histogram's bins (see ``error``), so a candidate costs about 0.03 ms
whatever the tensor's size. First one bound on the magnitude of both ends falls by eighths of an octave; of an
asymmetric grid pairs of ends are tried too; then each end, and both together, are moved around the best, twice.

Choukroun et al. 2019, Low-bit quantization of neural networks for efficient inference, minimize the same quantity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, grid_from_range
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.observe.calibrators.spans import row_spans
from qexplorer.observe.error import bins_sums
from qexplorer.observe.histogram import Histogram
from qexplorer.observe.rows import in_parts

__all__ = ["least_squares", "least_squares_of_rows"]

_BOUNDS: NDArray[np.float64] = 2.0 ** (-np.arange(1, 161) / 8)  # down to one millionth: one outlier can be that far
_FACTORS: NDArray[np.float64] = np.stack(  # first an octave in and a quarter out, then a twelfth of an octave each way
    [2.0 ** (np.linspace(-1.0, 0.25, 11)), 2.0 ** (np.linspace(-1 / 12, 1 / 12, 11))]
)


_PARTS: NDArray[np.float64] = np.append(2.0 ** (-np.arange(8) / 2), 0.0)  # of each end, tried in pairs
_DEEPEST = 40  # bounds tried on one channel or block: down to 1/32 of its range


def least_squares(histogram: Histogram, wanted: Wanted) -> tuple[float, float]:
    """The range ``(low, high)`` with the least mean squared error on the grid it leads to."""
    if not wanted.format.is_uniform:
        return _on_levels(histogram, wanted)
    from qexplorer.observe.grid_kernels import bins_cost

    bins = histogram.bins
    levels = float(wanted.steps)
    lowest, highest = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    widest = max(-lowest, highest)
    if wanted.symmetric:
        lowest, highest = -widest * wanted.lower_share, widest

    def cost(span: tuple[float, float]) -> float:
        return float(bins_cost(bins.low, bins.high, bins.count, span[0], span[1], levels))

    best, chosen = cost((lowest, highest)), (lowest, highest)
    for part in map(float, _BOUNDS):
        bound = part * widest
        span = (part * lowest, part * highest) if wanted.symmetric else (max(lowest, -bound), min(highest, bound))
        here = cost(span)
        if here < best:
            best, chosen = here, span
        elif here > 4.0 * best:
            break  # both parts of the error are convex in the bound: it only gets worse
    if not wanted.symmetric and lowest < 0.0 < highest:
        # Steps of the zero point make valleys that ends moved one after the other do not leave.
        pairs = [(float(a) * lowest, float(b) * highest) for a in _PARTS for b in _PARTS if a or b]
        chosen = min([*pairs, chosen], key=cost)
    for factors in _FACTORS:
        for ends in ((1, 1),) if wanted.symmetric else ((0, 1), (1, 0), (1, 1)):
            low, high = chosen
            spans = [
                (max(low * f, lowest) if ends[0] else low, min(high * f, highest) if ends[1] else high)
                for f in map(float, factors)
            ]
            chosen = min([*spans, chosen], key=cost)
    return chosen


def _on_levels(histogram: Histogram, wanted: Wanted) -> tuple[float, float]:
    """The same for levels that are not evenly spaced: both ends shrink alike, because levels are where they are."""
    bins = histogram.bins
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    factors = wanted.format.scale_factors

    def cost(part: float) -> float:
        grid = grid_from_range(part * low, part * high, wanted.format, symmetric=wanted.symmetric)
        return sum(bins_sums(bins.low, bins.high, bins.count, grid)[:2])

    if factors:
        chosen = min(factors, key=cost)
        return chosen * low, chosen * high
    best, chosen = cost(1.0), 1.0
    for part in map(float, _BOUNDS):
        here = cost(part)
        if here < best:
            best, chosen = here, part
        elif here > 4.0 * best:
            break
    for factors in _FACTORS:
        chosen = min([*(min(chosen * float(f), 1.0) for f in factors), chosen], key=cost)
    return chosen * low, chosen * high


def least_squares_of_rows(rows: Float32, block: int, wanted: Wanted) -> NDArray[np.float64]:
    """The range ``(rows, blocks, 2)`` of each group of values, judged on the values themselves; of few values the least
    of all scales and zero points, which may be wider than the values are."""
    if not wanted.format.is_uniform:
        return _rows_on_levels(rows, block, wanted)
    from qexplorer.observe.few_kernels import FEW, rows_exact
    from qexplorer.observe.grid_kernels import rows_search

    ranges = row_spans(rows, block)
    if wanted.symmetric:
        ends = np.maximum(-ranges[..., 0], ranges[..., 1])
        ranges = np.stack([-ends * wanted.lower_share, ends], -1)
    levels = float(wanted.steps)

    def search(part: slice) -> None:
        rows_search(rows[part], block, ranges[part], levels, wanted.symmetric, _BOUNDS[:_DEEPEST], _FACTORS)
        if min(block, rows.shape[1]) * levels <= FEW:
            rows_exact(rows[part], block, ranges[part], levels, wanted.symmetric)

    in_parts(rows.size, len(rows), search)
    return ranges


def _rows_on_levels(rows: Float32, block: int, wanted: Wanted) -> NDArray[np.float64]:
    from qexplorer.observe.level_kernels import rows_search_on_levels

    table = wanted.format.table
    if table is None:
        raise ValueError(f"{wanted.format.name} has neither evenly spaced levels nor a table of them")
    ranges = row_spans(rows, block)
    if wanted.format.scale_factors:
        return _of_few_scales(rows, block, wanted, ranges)

    def search(part: slice) -> None:
        bounds = _BOUNDS[:_DEEPEST]
        rows_search_on_levels(rows[part], block, ranges[part], bounds, _FACTORS, table.levels, table.borders)

    in_parts(rows.size, len(rows), search)
    return ranges


def _of_few_scales(rows: Float32, block: int, wanted: Wanted, spans: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same where a scale has few values: each group takes the one of them with the least error."""
    from qexplorer.observe.error import row_sums

    found, best = spans.copy(), np.full(spans.shape[:2], np.inf)
    for factor in wanted.format.scale_factors:
        low, high = factor * spans[..., 0], factor * spans[..., 1]
        grid = grid_from_range(low, high, wanted.format, symmetric=wanted.symmetric, axis=1, block=block)
        cost = row_sums(rows, grid, rows.shape)[..., :2].sum(-1)
        better = cost < best
        best = np.where(better, cost, best)
        found = np.where(better[..., None], factor * spans, found)
    return found
