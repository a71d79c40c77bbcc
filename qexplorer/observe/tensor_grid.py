"""Everything a page needs to draw a grid over a tensor, from what was kept: nothing is observed again.

25 million values, one thread (two halve what takes long): per tensor 6 ms for a weight, whose error is exact and known
per channel, and at most 4 ms for an activation; per channel 10 ms with min-max, 30 to 80 ms with percentile and MSE,
240 ms with KL; per block of 32 50 ms with min-max, 260 ms with MSE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, Format
from qexplorer.core.formats.protocol import usable_scale
from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.grid import Float32, Granularity, Grid, grid_from_range
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.ratio import ClipRatioOptions
from qexplorer.observe.calibrators.spans import row_spans
from qexplorer.observe.error import ErrorSplit, error_from_histogram, row_sums
from qexplorer.observe.rows import as_rows, from_rows
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weight_grids import block_grid, channel_grid, with_learned_levels

__all__ = ["ChannelErrors", "GridView", "grid_view", "input_axis", "rows_of", "shared_grid", "spans_of"]

Float64 = NDArray[np.float64]
_NOTHING_LEFT_DB = 1e-6  # an error as large as the signal


@dataclass(frozen=True, slots=True, eq=False)
class ChannelErrors:
    """Each channel on its grid (or on the tensor's one grid). All float64 ``(C,)``.

    Attributes:
        minimum: smallest value of the channel.
        maximum: largest value.
        low: smallest value its grid can represent.
        high: largest value its grid can represent.
        rounding_mse: mean squared error of values within.
        clipping_mse: mean squared error of values beyond (each a mean over all values of the channel).
        sqnr_db: signal to error, inf without error.
    """

    minimum: Float64
    maximum: Float64
    low: Float64
    high: Float64
    rounding_mse: Float64
    clipping_mse: Float64
    sqnr_db: Float64

    @property
    def lost(self) -> int:
        """Channels that hold something and of which nothing is left: all their values become 0, or worse."""
        return int(np.count_nonzero(self.sqnr_db < _NOTHING_LEFT_DB))


@dataclass(frozen=True, slots=True, eq=False)
class GridView:
    """A grid over a tensor.

    Attributes:
        grid: the grid, at the granularity asked for.
        low: smallest value it can represent, of all channels or blocks.
        high: largest value it can represent.
        error: of the whole tensor.
        levels: all values of the grid, ascending; None where channels or blocks have grids of their own.
        channels: each channel's range and error; None for activations, for blocks and where there is no channel axis.
    """

    grid: Grid
    low: float
    high: float
    error: ErrorSplit
    levels: Float32 | None
    channels: ChannelErrors | None


def grid_view(
    stats: TensorStats,
    *,
    format: Format,
    symmetric: bool,
    granularity: Granularity = Granularity.TENSOR,
    calibrator: str = DEFAULT_CALIBRATOR,
    options: CalibratorOptions | None = None,
    clip: tuple[float, float] | None = None,
    block: int = 32,
) -> GridView:
    """The grid that these settings lead to on a tensor, and its error.

    Args:
        stats: an activation's or a weight's statistics.
        format: a format with a scale; of a weight that is decoded, with scales of either sign if the file has them.
        symmetric: zero point fixed in the middle.
        granularity: activations have one grid for the whole tensor.
        calibrator: how the range is chosen.
        options: an instance of the calibrator's own model; its defaults if None.
        clip: a range drawn by hand: it is the range of a per-tensor grid, and bounds that of every channel or block.
        block: values that share a scale (per block only); blocks run along the axis that is summed over.

    Raises:
        RecipeError: the format has no scale, or the granularity does not exist for this tensor.
    """
    if not format.has_scale:
        allowed = ", ".join(f.name for f in FORMATS if f.has_scale)
        raise RecipeError(f"{format.name} has no scale, so there is no grid to draw", allowed=allowed)
    if granularity is Granularity.TENSOR:
        low, high = clip or calibrate(stats, calibrator, format=format, symmetric=symmetric, options=options)
        grid = grid_from_range(low, max(low, high), format, symmetric=symmetric)
        if stats.array is not None:
            grid = with_learned_levels(grid, as_rows(stats.array, None))
            if clip and format.learns:  # a level goes where values are, whatever the range: by hand they are stretched
                grid = grid_from_range(low, max(low, high), grid.format, symmetric=symmetric)
    else:
        grid = _fine_grid(stats, format, symmetric, granularity, calibrator, options, block)
        grid = _bounded(grid, clip, symmetric) if clip else grid
    error, channels = _errors(stats, grid)
    levels = grid.levels() if grid.axis is None else None
    return GridView(grid, float(grid.low.min()), float(grid.high.max()), error, levels, channels)


def _fine_grid(
    stats: TensorStats,
    format: Format,
    symmetric: bool,
    granularity: Granularity,
    calibrator: str,
    options: CalibratorOptions | None,
    block: int,
) -> Grid:
    share = _share_of_ranges(format, calibrator, options)
    if share is not None and stats.array is not None and stats.axis is not None and stats.array.ndim > 1:
        return shared_grid(stats, format, symmetric, block if granularity is Granularity.BLOCK else None, share)
    own = {"format": format.name, "granularity": granularity, "symmetric": symmetric, "block": block}
    chosen = {"calibrator": calibrator, **(options.model_dump() if options else {})}
    spec = WeightSpec.model_validate(own | chosen)
    array, axis = stats.array, stats.axis
    if array is None:
        what = "an activation has one grid for the whole tensor"
        raise RecipeError(what, where=stats.name, allowed="granularity tensor")
    if axis is None or array.ndim < 2:
        raise RecipeError("has no channels", where=stats.name, allowed="granularity tensor")
    signs = has_signs(format)
    if granularity is Granularity.CHANNEL:
        return channel_grid(rows_of(stats, axis, False), spec, axis, either_sign=signs)
    along = input_axis(array.ndim, axis)
    return block_grid(rows_of(stats, along, True), spec, along, array.shape, either_sign=signs)


def _share_of_ranges(format: Format, calibrator: str, options: CalibratorOptions | None) -> float | None:
    """The share of every range where that is all a calibrator says and the format asks for no more; None otherwise."""
    if format.learns or format.reach(np.ones(2)) is not None:
        return None
    if calibrator == "ratio":
        return ClipRatioOptions.model_validate(options.model_dump() if options else {}).ratio
    return 1.0 if calibrator == DEFAULT_CALIBRATOR else None


def shared_grid(stats: TensorStats, format: Format, symmetric: bool, block: int | None, share: float) -> Grid:
    """The grid over the same share of every channel's or block's range, which are kept."""
    assert stats.array is not None
    assert stats.axis is not None
    axis = stats.axis if block is None else input_axis(stats.array.ndim, stats.axis)
    spans = share * spans_of(stats, axis, block)
    if block is None:
        low, high = spans[:, 0, 0], spans[:, 0, 1]
    else:
        low, high = (from_rows(spans[..., end], stats.shape, axis) for end in (0, 1))
    return grid_from_range(low, high, format, symmetric=symmetric, axis=axis, block=block)


def input_axis(rank: int, axis: int) -> int:
    """The axis that is summed over, beside the axis of the output channels: Conv and Gemm (transB) 1, ConvTranspose and
    Gemm 0, MatMul the last but one."""
    if axis == 0:
        return 1
    return rank - 2 if axis == rank - 1 else 0


def _bounded(grid: Grid, clip: tuple[float, float], symmetric: bool) -> Grid:
    if symmetric and has_signs(grid.format):  # each keeps its sign
        reach, most = np.maximum(-grid.low, grid.high), max(-clip[0], clip[1])
        return replace(grid, scale=usable_scale((grid.scale * np.minimum(1.0, most / reach)).astype(np.float64)))
    low, high = np.maximum(grid.low, clip[0]), np.minimum(grid.high, clip[1])
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    if grid.own is not None:  # the range is that of the channels' own levels, which are pressed together with it
        reach = np.divide(low, grid.low, out=np.ones_like(low), where=grid.low < 0)
        reach = np.minimum(reach, np.divide(high, grid.high, out=np.ones_like(high), where=grid.high > 0))
        return replace(grid, scale=usable_scale((grid.scale * reach).astype(np.float64)))
    return grid_from_range(low, high, grid.format, symmetric=symmetric, axis=grid.axis, block=grid.block)


@lru_cache(maxsize=2)
def rows_of(stats: TensorStats, axis: int, block: bool) -> Float32:
    """The weight as rows: turning 100 MB over for each move of a control would take too long."""
    assert stats.array is not None
    return as_rows(stats.array, axis, block=block)


@lru_cache(maxsize=4)
def spans_of(stats: TensorStats, axis: int, block: int | None) -> Float64:
    """Smallest and largest value of each channel or block ``(rows, blocks, 2)``, zero within."""
    rows = rows_of(stats, axis, block is not None)
    return row_spans(rows, block or rows.shape[1])


def _errors(stats: TensorStats, grid: Grid) -> tuple[ErrorSplit, ChannelErrors | None]:
    if stats.array is None or stats.axis is None or stats.channels is None or not stats.array.size:
        return error_from_histogram(stats.histogram, grid), None
    if grid.block is not None:
        assert grid.axis is not None
        total = row_sums(rows_of(stats, grid.axis, True), grid, stats.shape).sum((0, 1))
        return ErrorSplit.of_sums(total, stats.array.size), None
    rows = rows_of(stats, stats.axis, False)
    sums = row_sums(rows, grid, stats.shape)[:, 0]
    n = rows.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        sqnr = 10.0 * np.log10(sums[:, 3] / (sums[:, 0] + sums[:, 1]))
    of_all = np.ones(len(rows))
    channels = ChannelErrors(
        stats.channels.minimum,
        stats.channels.maximum,
        grid.low * of_all,
        grid.high * of_all,
        sums[:, 0] / n,
        sums[:, 1] / n,
        np.where(sums[:, 0] + sums[:, 1] == 0.0, np.inf, sqnr),
    )
    return ErrorSplit.of_sums(sums.sum(0), n * len(rows)), channels
