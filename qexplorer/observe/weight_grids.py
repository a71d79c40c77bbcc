"""Grids of weights, per tensor, per channel and per block, for every calibrator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Format, get_format
from qexplorer.core.grid import Float32, Granularity, Grid, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.histogram import from_ordered
from qexplorer.observe.least_squares import BOUNDS, FACTORS, steps_of
from qexplorer.observe.rows import as_rows, from_rows, frozen, in_parts
from qexplorer.observe.stats import TensorStats

__all__ = ["block_grid", "channel_grid", "weight_grid"]

Float64 = NDArray[np.float64]
_DEEPEST = 40  # bounds tried on one channel or block: down to 1/32 of its range
_KL_VALUES = 8  # a bin holds at least so many values on average, or the counts are mostly chance
_KL_CANDIDATES = 32


def weight_grid(array: NDArray[Any], spec: WeightSpec, axis: int, block_axis: int | None = None) -> Grid:
    """The grid that ``spec`` asks for, on the weight ``array``.

    1. Per tensor: the calibrator works on the histogram of all values, as for activations.
    2. Per channel: each channel along ``axis`` has its own range. ``average`` is ``minmax``: a weight is seen once.
       ``kl`` bounds both ends of a channel by one magnitude.
    3. Per block: ``minmax`` and ``mse`` only; a block has too few values for the others.

    Args:
        array: finite values, any float type.
        spec: format, granularity, symmetry, calibrator.
        axis: the axis of the output channels.
        block_axis: the axis that blocks run along, the one that is summed over.

    Returns:
        A grid whose ``axis`` is None, ``axis`` or ``block_axis``.

    Raises:
        RecipeError: blocks are asked for without a ``block_axis``, or with a calibrator that needs more values.
    """
    kind = get_format(spec.format)
    if spec.granularity is Granularity.TENSOR or array.ndim == 0:
        low, high = _tensor_range(array, spec, kind)
        return grid_from_range(low, high, kind, symmetric=spec.symmetric)
    if spec.granularity is Granularity.CHANNEL:
        return channel_grid(as_rows(array, axis), spec, axis % array.ndim)
    if block_axis is None:
        raise RecipeError("a weight without an input axis cannot be cut into blocks", allowed="tensor, channel")
    along = block_axis % array.ndim
    return block_grid(as_rows(array, along, block=True), spec, along, array.shape)


def channel_grid(rows: Float32, spec: WeightSpec, axis: int) -> Grid:
    """The per-channel grid of a weight whose channels along ``axis`` were laid out as rows ``(C, n)``."""
    kind = get_format(spec.format)
    ranges = _row_ranges(rows, rows.shape[1], spec, kind)[:, 0]
    return grid_from_range(ranges[:, 0], ranges[:, 1], kind, symmetric=spec.symmetric, axis=axis)


def block_grid(rows: Float32, spec: WeightSpec, axis: int, shape: tuple[int, ...]) -> Grid:
    """The per-block grid of a weight of ``shape`` that was laid out as rows along ``axis``."""
    if spec.calibrator in ("percentile", "kl"):
        what = f"the calibrator '{spec.calibrator}' needs more values than a block of {spec.block} has"
        raise RecipeError(what, where="weights.calibrator", allowed="minmax, mse", do="or choose another granularity")
    kind = get_format(spec.format)
    ranges = _row_ranges(rows, spec.block, spec, kind)
    low, high = (from_rows(ranges[..., end], shape, axis) for end in (0, 1))
    return grid_from_range(low, high, kind, symmetric=spec.symmetric, axis=axis, block=spec.block)


def _tensor_range(array: NDArray[Any], spec: WeightSpec, format: Format) -> tuple[float, float]:
    from qexplorer.observe.calibrators import calibrate

    if spec.calibrator in ("minmax", "average"):
        return (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    histogram = histogram_of(array)
    span = (histogram.minimum, histogram.maximum)
    stats = TensorStats("", "weight", array.shape, histogram, None, None, span)
    return calibrate(stats, spec.calibrator, format=format, symmetric=spec.symmetric, percentile=spec.percentile)


def _row_ranges(rows: Float32, block: int, spec: WeightSpec, format: Format) -> Float64:
    """Ranges ``(rows, blocks, 2)`` of rows of values, zero always within."""
    from qexplorer.observe.grid_kernels import rows_ranges

    ordered = np.empty((len(rows), -(-rows.shape[1] // block), 2), np.int32)
    bits = rows.view(np.int32)
    in_parts(rows.size, len(rows), lambda part: rows_ranges(bits[part], block, ordered[part]))
    ranges: Float64 = from_ordered(ordered)
    if spec.calibrator == "mse":
        return _least_squares_rows(rows, block, ranges, format, spec.symmetric)
    if spec.calibrator == "percentile":
        return _percentile_rows(rows, spec)[:, None]
    if spec.calibrator == "kl":
        return _kl_rows(rows, format, spec.symmetric)[:, None]
    return ranges


def _least_squares_rows(rows: Float32, block: int, ranges: Float64, format: Format, symmetric: bool) -> Float64:
    from qexplorer.observe.grid_kernels import rows_search

    if symmetric:
        ends = np.maximum(-ranges[..., 0], ranges[..., 1])
        ranges = np.stack([-ends, ends], -1)
    levels = float(steps_of(format, symmetric=symmetric))

    def search(part: slice) -> None:
        rows_search(rows[part], block, ranges[part], levels, symmetric, BOUNDS[:_DEEPEST], FACTORS)

    in_parts(rows.size, len(rows), search)
    return ranges


def _percentile_rows(rows: Float32, spec: WeightSpec) -> Float64:
    """Quantiles with linear interpolation between neighbours, from the few largest values of each row."""
    part = spec.percentile / 100.0
    if spec.symmetric:
        ends = _upper_quantile(np.abs(rows), part)
        return np.stack([-ends, ends], -1)
    tail = 1.0 - (1.0 - part) / 2.0
    low, high = -_upper_quantile(-rows, tail), _upper_quantile(rows, tail)
    return np.stack([np.minimum(low, 0.0), np.maximum(high, 0.0)], -1)


def _upper_quantile(rows: Float32, part: float) -> Float64:
    from qexplorer.observe.grid_kernels import rows_top

    n = rows.shape[1]
    place = (1.0 - part) * (n - 1)  # counted from the largest
    k = int(place) + 2
    if k > 64:
        return np.asarray(np.quantile(rows, part, axis=1), np.float64)
    top = np.empty((len(rows), min(k, n)), np.float32)
    rows_top(frozen(rows), top)
    above, below = top[:, int(place)].astype(np.float64), top[:, min(int(place) + 1, n - 1)].astype(np.float64)
    return np.asarray(above + (below - above) * (place - int(place)), np.float64)


def _kl_rows(rows: Float32, format: Format, symmetric: bool) -> Float64:
    from qexplorer.observe.grid_kernels import rows_divergence

    low = np.minimum(rows.min(1, initial=0.0), 0.0).astype(np.float64)
    high = np.maximum(rows.max(1, initial=0.0), 0.0).astype(np.float64)
    ends = np.maximum(-low, high)
    if format.bits <= 8:  # wider grids resolve more than a histogram does
        levels = max(steps_of(format, symmetric=symmetric) // 2, 1)
        n = min(max(rows.shape[1] // _KL_VALUES, 2 * levels), 16 * levels)
        stops = np.unique(np.rint(np.geomspace(levels, n, _KL_CANDIDATES)).astype(np.int64))

        def search(part: slice) -> None:
            rows_divergence(rows[part], ends[part], float(levels), n, stops)

        in_parts(rows.size, len(rows), search)
    return np.stack([np.maximum(low, -ends), np.minimum(high, ends)], -1)
