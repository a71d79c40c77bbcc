"""The streaming histogram: what it counts, what it knows exactly, and that pieces add up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.histogram import BINS, Bins, Histogram

finite = st.floats(-(2.0**100), 2.0**100, width=32)
arrays = hnp.arrays(np.float32, st.integers(1, 300), elements=finite)
any_arrays = hnp.arrays(np.float32, st.integers(0, 200), elements=st.floats(width=32))


def _equal(a: Histogram, b: Histogram) -> bool:
    exact = (a.minimum, a.maximum) == (b.minimum, b.maximum) and np.array_equal(a.counts, b.counts)
    return exact and np.allclose(
        [a.total, a.squares], [b.total, b.squares], rtol=1e-9, atol=1e-30 + 1e-9 * a.squares**0.5
    )


@given(arrays)
def test_every_value_is_counted_in_the_bin_of_its_top_16_bits(x: Any) -> None:
    """The counts are those of the bfloat16 prefixes, and add up to the number of values."""
    h = histogram_of(x)
    assert np.array_equal(h.counts, np.bincount(x.view(np.uint32) >> 16, minlength=BINS))
    assert h.count == x.size


@given(arrays)
def test_minimum_and_maximum_are_exact(x: Any) -> None:
    """Extremes are the values themselves, not bin edges."""
    h = histogram_of(x)
    assert (h.minimum, h.maximum) == (x.min(), x.max())


@given(any_arrays, any_arrays, any_arrays)
def test_merging_is_adding_in_any_order_and_grouping(a: Any, b: Any, c: Any) -> None:
    """(a + b) + c, a + (b + c), c + b + a and one pass over everything are the same histogram."""
    one_pass = histogram_of(np.concatenate([a, b, c]))
    left = histogram_of(a).merge(histogram_of(b)).merge(histogram_of(c))
    right = histogram_of(a).merge(histogram_of(b).merge(histogram_of(c)))
    backwards = histogram_of(c).merge(histogram_of(b)).merge(histogram_of(a))
    assert _equal(one_pass, left)
    assert _equal(left, right)
    assert _equal(left, backwards)


@given(any_arrays)
def test_nan_and_infinity_are_counted_apart(x: Any) -> None:
    """Non-finite values are counted as such and leave extremes, mean and deviation alone."""
    h, good = histogram_of(x), x[np.isfinite(x)].astype(np.float64)
    assert (h.nonfinite, h.count) == (x.size - good.size, good.size)
    if good.size:
        assert (h.minimum, h.maximum) == (good.min(), good.max())
        assert h.mean == pytest.approx(good.mean(), rel=1e-6, abs=1e-6 * abs(good).max())
    else:
        assert math.isnan(h.mean)


def test_moments_are_those_of_the_values() -> None:
    """Mean and deviation agree to rounding, kurtosis (integrated over bins) to a thousandth."""
    x = np.random.default_rng(1).normal(0.3, 2.0, 200_000).astype(np.float32)
    h, wide = histogram_of(x), x.astype(np.float64)
    assert h.mean == pytest.approx(wide.mean(), rel=1e-9)
    assert h.std == pytest.approx(wide.std(), rel=1e-9)
    assert h.kurtosis == pytest.approx(((wide - wide.mean()) ** 4).mean() / wide.std() ** 4, rel=1e-3)


@given(arrays, st.floats(0, 1))
def test_a_quantile_is_within_one_bin_of_the_exact_one(x: Any, p: float) -> None:
    """The quantile lies in the bin of the value that has a part p of the values at or below it."""
    exact = float(np.sort(x)[max(math.ceil(p * x.size - 1e-9), 1) - 1])
    assert abs(histogram_of(x).quantile(p) - exact) <= abs(exact) / 128 + 2.0**-126


@given(arrays, st.integers(1, 50))
def test_bars_over_the_whole_range_add_up_to_all_values(x: Any, bars: int) -> None:
    """No value is lost or drawn twice."""
    h = histogram_of(x)
    low, high = h.minimum, h.maximum
    if low < high:
        assert h.bars(bars, low, high).sum() == pytest.approx(x.size)
        assert (h.bars(bars, low, high) >= -1e-9).all()


def test_bars_follow_the_distribution() -> None:
    """Bars of a smooth distribution differ from exact counts by less than one per cent."""
    x = np.random.default_rng(2).standard_normal(500_000).astype(np.float32)
    bars, exact = histogram_of(x).bars(20, -2, 2), np.histogram(x, 20, (-2, 2))[0]
    assert abs(bars / exact - 1).max() < 0.01


def test_zeros_and_outliers_are_counted() -> None:
    """Both signs of zero are zeros; values beyond six deviations are outliers."""
    x = np.concatenate([np.zeros(10), [-0.0], np.ones(989), [40.0, -40.0, 41.0]]).astype(np.float32)
    h = histogram_of(x)
    assert h.zeros == 11
    assert h.outliers() == int((abs(x - x.mean()) > 6 * x.std()).sum()) == 3


def test_the_size_does_not_grow_with_the_data() -> None:
    """A histogram of a million values has the same arrays as one of a single value."""
    small, large = histogram_of(np.ones(1, np.float32)), histogram_of(np.ones(1_000_000, np.float32))
    assert small.counts.nbytes == large.counts.nbytes == BINS * 8


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8"])
def test_other_types_are_counted_as_float32(dtype: str) -> None:
    """Arrays of other types give the histogram of their float32 values, also where they are not contiguous."""
    x = np.arange(-50, 50).astype(dtype).reshape(10, 10)[:, ::3]
    assert np.array_equal(histogram_of(x).counts, histogram_of(x.astype(np.float32)).counts)


def test_an_empty_histogram_says_so() -> None:
    """Without values there are no bins, and no number pretends to be a statistic."""
    h = Histogram()
    assert h.count == 0
    assert len(h.bins.count) == 0
    assert math.isnan(h.quantile(0.5))
    assert math.isnan(h.std)
    assert h.bars(3, 0, 1).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("others", "beyond"), [(30, 0), (37, 1), (1000, 1)])
def test_an_outlier_lies_beyond_six_deviations(others: int, beyond: int) -> None:
    """One value beside n zeros is sqrt(n) deviations from the mean: 5.5 of them are not enough, 6.1 are."""
    assert histogram_of(np.r_[np.zeros(others), 3.0].astype(np.float32)).outliers() == beyond


@pytest.mark.parametrize(("p", "value"), [(0, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.75, 4), (0.76, 8), (1, 8)])
def test_quantiles_of_single_values_are_those_values(p: float, value: float) -> None:
    """A quarter of four values is at most the first of them, and no more."""
    h = histogram_of(np.array([8.0, 1.0, 4.0, 2.0], np.float32))
    assert h.quantile(p) == pytest.approx(value, rel=0.01)
    assert histogram_of(np.array([-8.0, 1.0, -4.0, 2.0], np.float32)).magnitude_quantile(p) == pytest.approx(
        value, rel=0.01
    )


def test_how_many_values_are_at_most_so_large() -> None:
    """Values themselves count, what lies below all counts none, and a bin counts as far as it is covered."""
    bins = histogram_of(np.array([-2.0, 1.0, 1.0, 4.0], np.float32)).bins
    assert bins.below(np.array([-2.1, -2.0, 0.0, 0.99, 1.01, 3.9, 4.0, 9.0])).tolist() == [0, 1, 1, 1, 3, 3, 4, 4]
    even = Bins(np.array([0.0]), np.array([4.0]), np.array([8.0]))
    assert even.below(np.array([-1.0, 0.0, 1.0, 3.0, 4.0, 5.0])).tolist() == [0, 0, 2, 6, 8, 8]


def test_the_kurtosis_of_few_wide_bins_is_that_of_an_even_spread() -> None:
    """A uniform distribution has 9 / 5, two values half and half have 1."""
    one = Histogram(minimum=0.0, maximum=1.0)
    edges = np.linspace(1.0, 2.0, 3)
    one._bins = Bins(edges[:-1], edges[1:], np.array([50.0, 50.0]))
    one.counts[0] = 100
    one.total, one.squares = 150.0, 100 * (1.5**2 + 1 / 12)
    assert one.kurtosis == pytest.approx(9 / 5)
    assert histogram_of(np.tile([1.0, 3.0], 8).astype(np.float32)).kurtosis == pytest.approx(1, rel=0.01)
