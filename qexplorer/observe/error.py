"""How far a tensor moves when it is put on a grid: rounding error and clipping error apart.

Rounding error is made by values between the grid's smallest and largest point, clipping error by those beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats.levels import LevelRows, LevelTable
from qexplorer.core.grid import Float32, Granularity, Grid
from qexplorer.observe.histogram import Histogram
from qexplorer.observe.rows import as_rows, frozen, grid_rows, in_parts

__all__ = [
    "EXACT_DB",
    "ErrorSplit",
    "bins_sums",
    "error_exact",
    "error_from_histogram",
    "error_per_channel",
    "row_sums",
]


EXACT_DB = 140.0
"""Signal to error from which on the error is float32's own rounding: 24 bits are 144 dB."""


@dataclass(frozen=True, slots=True)
class ErrorSplit:
    """Error of a tensor on a grid.

    Attributes:
        rounding_mse: part of the mean squared error made by values within the grid's range.
        clipping_mse: part of it made by values beyond.
        signal_power: mean of the squared values.
        sqnr_db: 10 log10(signal / error); inf without error, NaN without values.
        clipped_fraction: part of the values that lies beyond the grid's range.
        n: finite values.
    """

    rounding_mse: float
    clipping_mse: float
    signal_power: float
    sqnr_db: float
    clipped_fraction: float
    n: int

    @property
    def mse(self) -> float:
        """Mean squared error, both parts."""
        return self.rounding_mse + self.clipping_mse

    @property
    def exact(self) -> bool:
        """Whether there is no error but what float32 itself makes, when it multiplies codes by a scale."""
        return self.sqnr_db >= EXACT_DB

    @classmethod
    def of_sums(cls, sums: Sequence[float] | NDArray[np.float64], n: int) -> ErrorSplit:
        """From sums over ``n`` values: squared rounding errors, squared clipping errors, clipped values, squares."""
        rounding, clipping, clipped, squares = (float(value) for value in sums)
        if not n:
            return cls(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
        error = rounding + clipping
        with np.errstate(divide="ignore"):
            sqnr = math.inf if error == 0.0 else float(10.0 * np.log10(squares / error))
        return cls(rounding / n, clipping / n, squares / n, sqnr, clipped / n, n)


def error_from_histogram(histogram: Histogram, grid: Grid) -> ErrorSplit:
    """The error of a tensor on a per-tensor grid, from its histogram: about 0.05 ms, whatever the tensor's size.

    The squared error is integrated exactly over each bin, with values spread evenly inside it.

    Raises:
        ValueError: if the grid is not per tensor.
    """
    if grid.axis is not None:
        raise ValueError("a histogram of all values can only be judged on a per-tensor grid")
    bins = histogram.bins
    rounding, clipping, clipped = bins_sums(bins.low, bins.high, bins.count, grid)
    return ErrorSplit.of_sums((rounding, clipping, clipped, histogram.squares), histogram.count)


def bins_sums(
    low: NDArray[np.float64], high: NDArray[np.float64], count: NDArray[np.float64], grid: Grid
) -> tuple[float, float, float]:
    """Errors of values spread evenly over bins, on a per-tensor grid.

    Args:
        low: ``(n,)``, lower edges.
        high: ``(n,)``, upper edges; equal to ``low`` for bins that are one value.
        count: ``(n,)``, values in each.
        grid: per tensor.

    Returns:
        Sum of squared rounding errors, sum of squared clipping errors, number of values clipped.
    """
    if grid.format.is_uniform:
        from qexplorer.observe.grid_kernels import bins_error

        return tuple(bins_error(low, high, count, float(grid.scale), float(grid.low), float(grid.high)))
    from qexplorer.observe.level_kernels import bins_error_on_levels

    return tuple(bins_error_on_levels(low, high, count, grid.levels().astype(np.float64)))


def error_exact(array: NDArray[Any], grid: Grid) -> ErrorSplit:
    """The error of ``array`` on ``grid`` (any granularity), value by value. 25 million values: 6 to 60 ms."""
    return ErrorSplit.of_sums(_sums(array, grid).reshape(-1, 4).sum(0), array.size)


def error_per_channel(array: NDArray[Any], grid: Grid) -> tuple[ErrorSplit, ...]:
    """The error of each channel of ``array`` on a per-channel grid, value by value.

    Raises:
        ValueError: if the grid is not per channel.
    """
    if grid.granularity is not Granularity.CHANNEL:
        raise ValueError("the error per channel needs a per-channel grid")
    sums = _sums(array, grid)[:, 0]
    n = array.size // max(len(sums), 1)
    return tuple(ErrorSplit.of_sums(row, n) for row in sums)


def row_sums(rows: Float32, grid: Grid, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Errors of the rows (see ``rows.as_rows``) of a tensor of ``shape``, or of their blocks.

    Returns:
        Sums of squared rounding errors, of squared clipping errors, of clipped values, of squares: float64
        ``(rows, blocks, 4)``.
    """
    scale, zero, block = grid_rows(grid, shape, rows.shape)
    rows, out = frozen(rows), np.empty((*scale.shape, 4))
    judge = _uniform_judge if grid.format.is_uniform else _level_judge
    in_parts(rows.size, len(rows), judge(grid, rows, block, scale, zero, out))
    return out


def _uniform_judge(
    grid: Grid, rows: Float32, block: int, scale: Float32, zero: Float32, out: NDArray[np.float64]
) -> Callable[[slice], None]:
    from qexplorer.observe.grid_kernels import rows_error

    low, high = np.float32(grid.qmin), np.float32(grid.qmax)
    return lambda part: rows_error(rows[part], block, scale[part], zero[part], low, high, out[part])


def _level_judge(
    grid: Grid, rows: Float32, block: int, scale: Float32, _: Float32, out: NDArray[np.float64]
) -> Callable[[slice], None]:
    from qexplorer.observe.level_kernels import rows_error_on_levels

    table: LevelRows | LevelTable | None = grid.own or grid.format.table
    if table is None:
        raise ValueError(f"{grid.format.name} has neither evenly spaced levels nor a table of them")
    levels, borders = np.atleast_2d(table.levels), np.atleast_2d(table.borders)

    def judge(part: slice) -> None:
        own = part if grid.own is not None else slice(None)
        rows_error_on_levels(rows[part], block, scale[part], levels[own], borders[own], out[part])

    return judge


def _sums(array: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    return row_sums(as_rows(array, grid.axis, block=grid.block is not None), grid, array.shape)
