"""Grids of weights, per tensor, per channel and per block, by whichever calibrator is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Format, get_format
from qexplorer.core.formats.uniform import UniformFormat, has_signs
from qexplorer.core.grid import Float32, Granularity, Grid, grid_from_range
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.core.plugin_kinds.calibrator_choice import chosen
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.spans import row_spans
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.rows import as_rows, from_rows, frozen, grid_rows
from qexplorer.observe.stats import TensorStats

__all__ = ["block_grid", "channel_grid", "weight_grid", "with_learned_levels"]


def weight_grid(
    array: NDArray[Any], spec: WeightSpec, axis: int, block_axis: int | None = None, *, either_sign: bool = False
) -> Grid:
    """The grid that ``spec`` asks for, on the weight ``array``.

    1. Per tensor: the calibrator works on the histogram of all values, as for activations.
    2. Per channel: each channel along ``axis`` has its own range.
    3. Per block: so has each block along ``block_axis``.

    Args:
        array: finite values, any float type.
        spec: format, granularity, symmetry, calibrator and its options.
        axis: the axis of the output channels.
        block_axis: the axis that blocks run along, the one that is summed over.
        either_sign: whether scales may have either sign, so that symmetric grids of few bits use every code
            (``core.formats.uniform``).

    Returns:
        A grid whose ``axis`` is None, ``axis`` or ``block_axis``.

    Raises:
        UnknownName: there is no such calibrator.
        RecipeError: blocks are asked for without a ``block_axis``, or the calibrator refuses such a grid.
    """
    if spec.granularity is Granularity.TENSOR or array.ndim == 0:
        return _tensor_grid(array, spec, either_sign)
    if spec.granularity is Granularity.CHANNEL:
        return channel_grid(as_rows(array, axis), spec, axis % array.ndim, either_sign=either_sign)
    if block_axis is None:
        raise RecipeError("a weight without an input axis cannot be cut into blocks", allowed="tensor, channel")
    along = block_axis % array.ndim
    return block_grid(as_rows(array, along, block=True), spec, along, array.shape, either_sign=either_sign)


def _format(spec: WeightSpec, either_sign: bool) -> Format:
    kind = get_format(spec.format)
    return kind.of_either_sign() if either_sign and spec.symmetric and isinstance(kind, UniformFormat) else kind


def _tensor_grid(array: NDArray[Any], spec: WeightSpec, either_sign: bool) -> Grid:
    kind = _format(spec, either_sign)
    histogram = histogram_of(array)
    span = (histogram.minimum, histogram.maximum)
    stats = TensorStats("", "weight", array.shape, histogram, None, None, span, array)
    low, high = calibrate(stats, spec.calibrator, format=kind, symmetric=spec.symmetric, options=spec.options)
    grid = grid_from_range(low, high, kind, symmetric=spec.symmetric)
    return with_learned_levels(grid, as_rows(array, None))


def channel_grid(rows: Float32, spec: WeightSpec, axis: int, *, either_sign: bool = False) -> Grid:
    """The per-channel grid of a weight whose channels along ``axis`` were laid out as rows ``(C, n)``."""
    kind = _format(spec, either_sign)
    signs = _signs(rows, rows.shape[1], kind)
    ranges = _row_ranges(_times(rows, signs, rows.shape[1]), rows.shape[1], spec, kind, Granularity.CHANNEL)[:, 0]
    grid = grid_from_range(ranges[:, 0], ranges[:, 1], kind, symmetric=spec.symmetric, axis=axis)
    return with_learned_levels(_turned(grid, None if signs is None else signs[:, 0]), rows)


def block_grid(
    rows: Float32, spec: WeightSpec, axis: int, shape: tuple[int, ...], *, either_sign: bool = False
) -> Grid:
    """The per-block grid of a weight of ``shape`` that was laid out as rows along ``axis``."""
    kind = _format(spec, either_sign)
    signs = _signs(rows, spec.block, kind)
    ranges = _row_ranges(_times(rows, signs, spec.block), spec.block, spec, kind, Granularity.BLOCK)
    low, high = (from_rows(ranges[..., end], shape, axis) for end in (0, 1))
    grid = grid_from_range(low, high, kind, symmetric=spec.symmetric, axis=axis, block=spec.block)
    grid = _turned(grid, None if signs is None else from_rows(signs, shape, axis))
    return with_learned_levels(grid, rows, shape)


def _signs(rows: Float32, block: int, kind: Format) -> Float32 | None:
    """The sign of each scale ``(rows, blocks)``: -1 where the value of largest magnitude is above zero, so that what is
    turned by it has that value below. None for formats whose scales have one sign."""
    if not has_signs(kind):
        return None
    spans = row_spans(rows, block)
    return np.where(spans[..., 1] > -spans[..., 0], -1, 1).astype(np.float32)


def _times(rows: Float32, signs: Float32 | None, block: int) -> Float32:
    return rows if signs is None else frozen(rows * np.repeat(signs, block, axis=1)[:, : rows.shape[1]])


def _turned(grid: Grid, signs: Float32 | None) -> Grid:
    """The grid of values that were turned by ``signs``, turned back."""
    return grid if signs is None else replace(grid, zero_point=np.where(signs < 0, -1, 0).astype(np.int32))


def with_learned_levels(grid: Grid, rows: Float32, shape: tuple[int, ...] | None = None) -> Grid:
    """``grid`` with the levels that a format learns from a weight; the same grid for formats that do not learn.

    Args:
        grid: where the weight's scales are.
        rows: the weight laid out along the grid's axis (``rows.as_rows``).
        shape: that of the weight, which blocks need.
    """
    if not grid.format.learns or not rows.size:
        return grid
    scale, _, block = grid_rows(grid, shape or rows.shape, rows.shape)
    spread = np.repeat(scale, block, axis=1)[:, : rows.shape[1]]
    values = np.asarray(rows / spread, np.float32)
    own = grid.format.learn_rows(values) if grid.granularity is Granularity.CHANNEL else None
    return grid.with_learned(grid.format.learn(values) if own is None else grid.format, own)


def _row_ranges(
    rows: Float32, block: int, spec: WeightSpec, kind: Format, granularity: Granularity
) -> NDArray[np.float64]:
    """Ranges ``(rows, blocks, 2)`` of rows of values, zero always within."""
    calibrator = chosen(spec.calibrator, kind, granularity, "weight")
    ranges: NDArray[np.float64] = calibrator.row_ranges(rows, block, Wanted(kind, spec.symmetric), spec.options)
    if kind.reach(np.ones(2)) is None:  # most formats, whose weights need not be looked at again
        return ranges
    for number in range(ranges.shape[1]):
        reach = kind.reach(np.abs(rows[:, number * block : (number + 1) * block].astype(np.float64)))
        assert reach is not None
        ranges[:, number] = np.clip(ranges[:, number], -reach[:, None], reach[:, None])
    return ranges
