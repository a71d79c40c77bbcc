"""Errors of grids whose levels are not evenly spaced, against the same sums in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.formats import get_format
from qexplorer.core.formats.table import TableFormat
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.observe.calibrators.least_squares import least_squares, least_squares_of_rows
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.error import bins_sums, error_exact, error_from_histogram, row_sums

FIVE = TableFormat("five", (-1.0, -0.25, 0.0, 0.125, 0.5))
FORMATS = [get_format("nf4"), get_format("fp8_e4m3"), FIVE]
every = pytest.mark.parametrize("format", FORMATS, ids=[item.name for item in FORMATS])


def _weight(seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_t(5, (48, 256)).astype(np.float32)


@every
@pytest.mark.parametrize("clip", [1.0, 0.4])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_exact_error_is_that_of_fake_quantize(format: Any, clip: float, axis: int | None) -> None:
    """Per tensor, channel and block of 32, rounding and clipping together and apart, to twelve digits."""
    x = _weight()
    rows = {None: x.reshape(1, -1), 0: x, 1: x.reshape(-1, 32)}[axis]
    low, high = clip * rows.min(1), clip * rows.max(1)
    if axis is None:
        grid = grid_from_range(low[0], high[0], format, symmetric=True)
    elif axis == 0:
        grid = grid_from_range(low, high, format, symmetric=True, axis=0)
    else:
        shape = (48, 8)
        grid = grid_from_range(low.reshape(shape), high.reshape(shape), format, symmetric=True, axis=1, block=32)
    found, squared = error_exact(x, grid), (fake_quantize(x, grid).astype(np.float64) - x) ** 2
    assert found.mse == pytest.approx(squared.mean(), rel=1e-12)
    ends = [grid.low, grid.high]
    if axis is not None:
        ends = [np.repeat(e, 32, 1) if axis else e[:, None] for e in ends]
    outside = (x < ends[0]) | (x > ends[1])
    assert found.clipping_mse == pytest.approx(squared[outside].sum() / x.size, rel=1e-12, abs=1e-15)
    assert found.clipped_fraction == outside.mean()


@every
@pytest.mark.parametrize("clip", [1.0, 0.3])
def test_the_error_from_a_histogram_is_the_exact_one_to_a_thousandth(format: Any, clip: float) -> None:
    """One million normal values: rounding, clipping and their sum. (fp8 and a table with gaps included.)"""
    x = np.random.default_rng(3).standard_normal(1_000_000).astype(np.float32)
    grid = grid_from_range(clip * x.min(), clip * x.max(), format, symmetric=True)
    found, exact = error_from_histogram(histogram_of(x), grid), error_exact(x, grid)
    rel = 0.01 if format.name == "fp8_e4m3" else 1e-3  # its steps near zero are narrower than the histogram's bins
    assert found.mse == pytest.approx(exact.mse, rel=rel)
    assert found.clipping_mse == pytest.approx(exact.clipping_mse, rel=0.01, abs=1e-9)


@given(
    low=st.floats(-3, 3),
    width=st.just(0.0) | st.floats(1e-30, 4),
    count=st.floats(0.5, 1e3),
    levels=st.sampled_from([0, 1, 2]),
)
def test_a_bin_is_integrated_exactly(low: float, width: float, count: float, levels: int) -> None:
    """Against 200,001 values spread evenly over the bin."""
    grid = grid_from_range(-1.5, 1.5, FORMATS[levels], symmetric=True)
    ends = np.array([low]), np.array([low + width])
    found = bins_sums(*ends, np.array([count]), grid)
    x = (low + width * (np.arange(200_001) + 0.5) / 200_001) if width else np.array([low])
    every_level = grid.levels().astype(np.float64)
    middle = (every_level[1:] + every_level[:-1]) / 2
    squared = (x - every_level[np.searchsorted(middle, x)]) ** 2
    outside = (x < every_level[0]) | (x > every_level[-1])
    expected = [count * (squared * part).mean() for part in (~outside, outside)]
    np.testing.assert_allclose(found[:2], expected, rtol=1e-3, atol=1e-6 * count)
    assert found[2] == pytest.approx(count * outside.mean(), abs=1e-4 * count)


@every
def test_mse_is_no_worse_than_any_of_many_ranges(format: Any) -> None:
    """Per tensor from the histogram, and for each channel from its values, within 5 %: the error of fp8 is jagged."""
    x, wanted = _weight(1), Wanted(format, True)
    parts = np.linspace(0.05, 1.0, 96)

    def error(values: Any, low: float, high: float) -> float:
        return error_exact(values, grid_from_range(low, high, format, symmetric=True)).mse

    low, high = least_squares(histogram_of(x), wanted)
    best = min(error(x, p * x.min(), p * x.max()) for p in parts)
    assert error(x, low, high) <= 1.05 * best
    ranges = least_squares_of_rows(x, x.shape[1], wanted)[:, 0]
    for row, (low, high) in zip(x[:12], ranges[:12], strict=True):
        best = min(error(row, p * min(row.min(), 0), p * max(row.max(), 0)) for p in parts)
        assert error(row, low, high) <= 1.05 * best


@every
def test_long_rows_and_blocks_across_pieces_are_judged_alike(format: Any) -> None:
    """Rows longer than what the loop takes at once, in blocks that end elsewhere; NaN makes NaN, and no other error."""
    x = np.random.default_rng(6).standard_t(4, (3, 5000)).astype(np.float32)
    low, high = (
        np.stack([getattr(part, end)(1) for part in np.split(x, range(48, 5000, 48), 1)], 1) for end in ("min", "max")
    )
    grid = grid_from_range(0.6 * low, 0.6 * high, format, symmetric=True, axis=1, block=48)
    squared = (fake_quantize(x, grid).astype(np.float64) - x) ** 2
    assert error_exact(x, grid).mse == pytest.approx(squared.mean(), rel=1e-12)
    sums = row_sums(x, grid, x.shape)
    assert sums[1, 104, :2].sum() == pytest.approx(squared[1, 104 * 48 :].sum(), rel=1e-12)
    x[1, 2060] = np.nan
    broken = row_sums(x, grid, x.shape)
    assert np.isnan(broken[1, 42, 0])
    broken[1, 42], sums[1, 42] = 0, 0
    assert broken == pytest.approx(sums)
