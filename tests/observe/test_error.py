"""Rounding and clipping error: integrated over bins against value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity, Grid, fake_quantize, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.error import ErrorSplit, error_exact, error_from_histogram, error_per_channel
from qexplorer.observe.weight_grids import weight_grid

weights = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 4)),
    elements=st.floats(-64, 64, width=32),
)


def _heavy(n: int = 400_000) -> Any:
    return (np.random.default_rng(4).standard_t(4, n) * 0.1).astype(np.float32)


def _reference(x: Any, grid: Grid) -> ErrorSplit:
    """Straight from core's definition of the grid."""
    wide = x.astype(np.float64)
    error = (fake_quantize(x, grid).astype(np.float64) - wide) ** 2
    scale, zero = grid.expanded(x.shape)
    low = ((grid.qmin - zero).astype(np.float32) * scale).astype(np.float32)
    high = ((grid.qmax - zero).astype(np.float32) * scale).astype(np.float32)
    beyond = (x < low) | (x > high)
    sums = ((error * ~beyond).sum(), (error * beyond).sum(), beyond.sum(), (wide**2).sum())
    return ErrorSplit.of_sums(sums, x.size)


@pytest.mark.parametrize("name", ["int8", "uint8", "int4", "int2"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("part", [1.0, 0.3, 0.05])
def test_bins_give_the_error_of_heavy_tailed_data_within_half_a_per_cent(
    name: str, symmetric: bool, part: float
) -> None:
    """Both parts, from a range that clips nothing to one that clips a lot."""
    x = _heavy()
    low, high = float(x.min()) * part, float(x.max()) * part
    grid = grid_from_range(low, high, get_format(name), symmetric=symmetric)
    found, exact = error_from_histogram(histogram_of(x), grid), error_exact(x, grid)
    assert found.rounding_mse == pytest.approx(exact.rounding_mse, rel=0.005)
    assert found.clipping_mse == pytest.approx(exact.clipping_mse, rel=0.005, abs=1e-4 * exact.mse)
    assert found.clipped_fraction == pytest.approx(exact.clipped_fraction, rel=0.02, abs=2e-6)
    assert found.sqnr_db == pytest.approx(exact.sqnr_db, abs=0.02)
    assert found.n == exact.n == x.size


@given(weights, st.sampled_from(list(Granularity)), st.booleans(), st.sampled_from(["int8", "int4", "uint8", "int3"]))
def test_the_exact_error_is_that_of_the_reference_grid(x: Any, granularity: Any, symmetric: bool, name: str) -> None:
    """Per tensor, channel and block, values land where core.grid puts them."""
    spec = WeightSpec(format=name, granularity=granularity, symmetric=symmetric, block=8)
    grid = weight_grid(x, spec, 0, 1)
    found, exact = error_exact(x, grid), _reference(x, grid)
    for field in ("rounding_mse", "clipping_mse", "signal_power", "clipped_fraction"):
        want = getattr(exact, field)
        assert getattr(found, field) == pytest.approx(want, rel=1e-5, abs=1e-12 * exact.signal_power), field


def test_the_error_of_each_channel_adds_up_to_the_whole() -> None:
    """Channels are judged on their own grids, and their mean is the tensor's error."""
    x = _heavy(24 * 1000).reshape(24, 10, 100) * np.geomspace(0.01, 1, 24, dtype=np.float32)[:, None, None]
    grid = weight_grid(x, WeightSpec(format="int4"), 0)
    each, whole = error_per_channel(x, grid), error_exact(x, grid)
    assert np.mean([e.mse for e in each]) == pytest.approx(whole.mse)
    for k in (0, 7, 23):
        alone = _reference(x[k], grid.channel(k))
        assert each[k].rounding_mse == pytest.approx(alone.rounding_mse, rel=1e-5)


def test_values_on_the_grid_have_no_error() -> None:
    """Integers on a grid of step one come back as they are, and the ratio says infinity."""
    x = np.arange(-127, 128, dtype=np.float32)
    grid = grid_from_range(-127.0, 127.0, get_format("int8"), symmetric=True)
    assert error_exact(x, grid).sqnr_db == np.inf
    assert error_exact(x, grid).clipped_fraction == 0.0


def test_a_value_that_is_often_seen_counts_as_itself_at_the_ends() -> None:
    """The pile of a ReLU6 at exactly 0 and 6 lies on the grid's ends and adds neither kind of error."""
    x = np.repeat(np.array([0.0, 6.0], np.float32), 1000)
    found = error_from_histogram(histogram_of(x), grid_from_range(0.0, 6.0, get_format("uint8"), symmetric=False))
    assert found.mse < 1e-12
    assert found.clipped_fraction == 0.0


def test_clipping_alone_is_the_distance_to_the_range() -> None:
    """A constant beyond the range has its squared distance as clipping error and no rounding error."""
    x = np.full(10, 5.0, np.float32)
    grid = grid_from_range(-2.0, 2.0, get_format("int8"), symmetric=True)
    for found in (error_exact(x, grid), error_from_histogram(histogram_of(x), grid)):
        assert found.clipping_mse == pytest.approx(9.0)
        assert found.rounding_mse == 0.0
        assert found.clipped_fraction == 1.0


def test_fine_grids_are_refused_where_one_histogram_cannot_judge_them() -> None:
    """A per-channel grid needs the values, and a per-tensor grid has no channels to list."""
    x = _heavy(100).reshape(10, 10)
    fine = weight_grid(x, WeightSpec(), 0)
    with pytest.raises(ValueError, match="per-tensor"):
        error_from_histogram(histogram_of(x), fine)
    with pytest.raises(ValueError, match="per-channel"):
        error_per_channel(x, grid_from_range(-1.0, 1.0, get_format("int8"), symmetric=True))
