"""Calibrators against brute force on small data, and against what their papers promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qexplorer.core.errors import RecipeError, UnknownName
from qexplorer.core.formats import FORMATS, get_format
from qexplorer.core.grid import Granularity, Grid, grid_from_range
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.percentile import PercentileOptions
from qexplorer.observe.error import error_exact
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.observe.weights import array_stats

INT8, UINT8, INT4 = get_format("int8"), get_format("uint8"), get_format("int4")
arrays = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1e6, 1e6, width=32))


def _stats(x: Any) -> TensorStats:
    return array_stats("x", np.asarray(x, np.float32), None)


def _normal(n: int = 200_000, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@given(arrays, st.sampled_from(CALIBRATORS.names()), st.booleans())
def test_every_range_is_finite_ordered_and_within_the_data(x: Any, name: str, symmetric: bool) -> None:
    """No calibrator reaches beyond the largest magnitude seen, and none returns a reversed or infinite range."""
    low, high = calibrate(_stats(x), name, format=INT8, symmetric=symmetric)
    reach = float(abs(x).max()) * (1 + 1e-6)
    assert np.isfinite([low, high]).all()
    assert low <= high
    assert max(abs(low), abs(high)) <= reach


def test_minmax_is_the_range_itself() -> None:
    """Nothing is clipped."""
    assert calibrate(_stats([-0.5, 2.0, 1.0]), "minmax", format=INT8, symmetric=False) == (-0.5, 2.0)


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9])
def test_the_percentile_keeps_that_share_of_the_values(percentile: float) -> None:
    """Half of the rest is clipped on each side of an asymmetric range; a symmetric one counts magnitudes."""
    x, kept = _normal() + np.float32(0.5), PercentileOptions(percentile=percentile)
    low, high = calibrate(_stats(x), "percentile", format=INT8, symmetric=False, options=kept)
    tail = (100 - percentile) / 2
    assert (low, high) == pytest.approx(tuple(np.percentile(x, [tail, 100 - tail])), rel=0.01)
    low, high = calibrate(_stats(x), "percentile", format=INT8, symmetric=True, options=kept)
    assert high == pytest.approx(np.percentile(abs(x), percentile), rel=0.01)
    assert low == -high


def _mse(x: Any, low: float, high: float, format: Any, symmetric: bool) -> float:
    return error_exact(x, grid_from_range(low, high, format, symmetric=symmetric)).mse


@pytest.mark.parametrize("format", [INT8, INT4], ids=["int8", "int4"])
@pytest.mark.parametrize("kind", ["normal", "heavy", "outlier"])
def test_mse_is_as_good_as_the_best_of_many_symmetric_ranges(format: Any, kind: str) -> None:
    """No threshold of a fine brute-force search has an error that is more than one per cent lower."""
    x = _normal(50_000)
    if kind == "heavy":
        x = np.random.default_rng(1).standard_t(3, 50_000).astype(np.float32)
    if kind == "outlier":
        x[0] = 300.0
    low, high = calibrate(_stats(x), "mse", format=format, symmetric=True)
    top = float(abs(x).max())
    best = min(_mse(x, -t, t, format, True) for t in top * 2.0 ** np.arange(-9, 0.001, 0.05))
    assert _mse(x, low, high, format, True) <= 1.01 * best


@pytest.mark.parametrize("shift", [0.0, 1.5])
@pytest.mark.parametrize("outlier", [None, -60.0, 60.0])
def test_mse_finds_both_ends_of_an_asymmetric_range(shift: float, outlier: float | None) -> None:
    """A search over pairs of ends is at most six per cent better, also with an outlier on one side alone."""
    x = _normal(20_000) + np.float32(shift)
    if outlier:
        x[0] = outlier
    low, high = calibrate(_stats(x), "mse", format=INT4, symmetric=False)
    pairs = [(a, b) for a in np.linspace(-4, 0, 30) for b in np.linspace(0.5, 6, 40)]
    best = min(_mse(x, a, b, INT4, False) for a, b in pairs)
    assert _mse(x, low, high, INT4, False) <= 1.06 * best


def _divergence(counts: Any, i: int, j: int, zero_bin: int, levels: int) -> float:
    """KL(P || Q) bin by bin, as the talk describes it, for the bins i to j; counts has one bin more on either side."""
    inside, everything = counts[i + 1 : j + 1], counts.sum()
    p = inside.copy()
    p[0] += counts[: i + 1].sum()
    p[-1] += counts[j + 1 :].sum()
    step = (j - i) / levels
    zero = np.rint((zero_bin - i) / step)
    codes = np.clip(np.rint((np.arange(i, j) + 0.5 - zero_bin) / step) + zero, 0, levels)
    total, chance = 0.0, 0
    for code in np.unique(codes):
        group = codes == code
        filled = int((p[group] > 0).sum())
        q = inside[group].sum() / max(filled, 1) / inside.sum()
        for value in p[group][p[group] > 0] / everything:
            total += value * np.log(value / max(q, 1e-9))
        chance += max(filled - 1, 0)
    return float(total - chance / (2 * everything))


@pytest.mark.parametrize("levels", [7, 15, 127])
def test_divergences_are_those_of_the_plain_definition(levels: int) -> None:
    """Sums up to each bin give what going through every bin gives, on one side of zero and around it."""
    from qexplorer.observe.grid_kernels import divergences

    counts = np.random.default_rng(levels).poisson(2.0, 802).astype(np.float64)
    for zero_bin in (0, 300):
        starts = np.array([0, 0, min(zero_bin, 113), min(zero_bin, 290)])
        stops = np.array([800, 655, 701, 433])
        found = divergences(counts, -0.01 * zero_bin, 0.01, starts, stops, float(levels))
        plain = [_divergence(counts, i, j, zero_bin, levels) for i, j in zip(starts, stops, strict=True)]
        assert found == pytest.approx(plain, rel=0.02, abs=2e-4)  # a bin on the border of two codes may go to either


def test_kl_keeps_a_uniform_distribution_whole() -> None:
    """Without a tail, there is nothing to gain by clipping."""
    x = np.random.default_rng(2).uniform(-1, 1, 500_000).astype(np.float32)
    low, high = calibrate(_stats(x), "kl", format=INT8, symmetric=True)
    assert high > 0.97
    low, high = calibrate(_stats(abs(x)), "kl", format=UINT8, symmetric=False)
    assert low == 0.0
    assert high > 0.97


@pytest.mark.parametrize("far", [50.0, 1e4, 1e7])
@pytest.mark.parametrize("symmetric", [True, False])
def test_kl_gives_up_a_far_outlier(far: float, symmetric: bool) -> None:
    """However far one value is, the range stays near the others, and does not cut deep into them."""
    x = _normal(300_000)
    x[0] = far
    low, high = calibrate(_stats(x), "kl", format=INT8, symmetric=symmetric)
    assert 2.0 < high < 8.0
    assert -8.0 < low < -2.0


def test_kl_clips_less_with_more_codes() -> None:
    """4-bit grids need their codes where the mass is; 16-bit grids keep everything."""
    stats = _stats(np.random.default_rng(3).laplace(0, 1, 300_000))
    four, eight, sixteen = (
        calibrate(stats, "kl", format=get_format(f), symmetric=True) for f in ("int4", "int8", "int16")
    )
    assert four[1] < 0.8 * eight[1]
    assert sixteen == (stats.histogram.minimum, stats.histogram.maximum)


def test_kl_ignores_the_zeros_of_a_relu() -> None:
    """Ten times as many zeros do not move the range."""
    x = np.maximum(_normal(), 0)
    alone = calibrate(_stats(x), "kl", format=UINT8, symmetric=False)
    more = calibrate(
        _stats(np.concatenate([x, np.zeros(10 * x.size, np.float32)])), "kl", format=UINT8, symmetric=False
    )
    assert alone == pytest.approx(more)
    assert alone[0] == 0.0


def test_a_tensor_without_values_and_an_unknown_name() -> None:
    """Nothing observed gives the empty range; a name that does not exist is told with those that do."""
    assert calibrate(_stats(np.array([np.nan])), "mse", format=INT8, symmetric=True) == (0.0, 0.0)
    with pytest.raises(UnknownName, match="percentile"):
        calibrate(_stats([1.0]), "percentil", format=INT8, symmetric=True)


def _weight(seed: int = 5) -> Any:
    rng = np.random.default_rng(seed)
    scale = np.geomspace(0.01, 3, 12, dtype=np.float32)[:, None, None, None]
    return (rng.standard_t(4, (12, 40, 3, 3)) * scale).astype(np.float32)


@pytest.mark.parametrize("calibrator", ["minmax", "average", "percentile", "mse"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_each_channel_gets_the_range_of_a_tensor_of_its_own(calibrator: Any, symmetric: bool) -> None:
    """Per channel, a calibrator chooses what it would choose for that channel alone."""
    w = _weight()
    spec = WeightSpec(format="int4", symmetric=symmetric, calibrator=calibrator)
    if calibrator == "percentile":
        spec = spec.with_calibrator(calibrator, percentile=99.0)
    grid = weight_grid(w, spec, 0)
    assert grid.granularity is Granularity.CHANNEL
    assert grid.scale.shape == (12,)
    for k in (0, 5, 11):
        alone = weight_grid(w[k], spec.model_copy(update={"granularity": Granularity.TENSOR}), 0)
        near = {"mse": 0.06, "percentile": 0.25}.get(calibrator, 1e-6)  # quantiles of 360 values are not sharp
        assert float(grid.scale[k]) == pytest.approx(float(alone.scale), rel=near)


def _error(w: Any, grid: Grid) -> float:
    return error_exact(w, grid).mse


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_mse_is_never_worse_than_minmax_on_weights(granularity: Any, symmetric: bool) -> None:
    """Whatever the granularity; and finer granularity is never worse with the same calibrator."""
    w = _weight()
    spec = WeightSpec(format="int3", granularity=granularity, symmetric=symmetric, block=16)
    assert _error(w, weight_grid(w, spec.model_copy(update={"calibrator": "mse"}), 0, 1)) <= _error(
        w, weight_grid(w, spec, 0, 1)
    ) * (1 + 1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_blocks_run_along_the_axis_that_is_summed_over(axis: int) -> None:
    """Each block's scale is that of its own values; the last block may be shorter."""
    w = np.random.default_rng(6).standard_normal((35, 37)).astype(np.float32)
    along = 1 - axis
    grid = weight_grid(w, WeightSpec(format="int8", granularity=Granularity.BLOCK, block=16), axis, along)
    expected = [-(-n // 16) if k == along else n for k, n in enumerate(w.shape)]
    assert list(grid.scale.shape) == expected
    assert (grid.axis, grid.block) == (along, 16)
    moved, scales = np.moveaxis(w, along, -1), np.moveaxis(grid.scale, along, -1)
    assert scales[3, 2] == pytest.approx(abs(moved[3, 32:]).max() / 127, rel=1e-6)
    assert scales[3, 0] == pytest.approx(abs(moved[3, :16]).max() / 127, rel=1e-6)


def test_kl_per_channel_does_not_take_chance_for_shape() -> None:
    """A few thousand normal values per channel are clipped beyond two deviations, not in their middle."""
    w = _normal(8 * 4000).reshape(8, 4000)
    grid = weight_grid(w, WeightSpec(calibrator="kl"), 0)
    assert (grid.high > 2.0).all()
    assert (grid.high <= abs(w).max(1) * (1 + 1e-6)).all()


def test_blocks_refuse_calibrators_that_need_more_values() -> None:
    """The sentence names the calibrator, the block and what works."""
    spec = WeightSpec(granularity=Granularity.BLOCK, calibrator="kl")
    with pytest.raises(RecipeError, match=r"'kl' needs more values than a block has.*minmax, mse"):
        weight_grid(np.ones((4, 64), np.float32), spec, 0, 1)
    with pytest.raises(RecipeError, match="without an input axis"):
        weight_grid(np.ones((4, 64), np.float32), WeightSpec(granularity=Granularity.BLOCK), 0)


@pytest.mark.parametrize("format", [f.name for f in FORMATS if f.is_integer])
@pytest.mark.parametrize("calibrator", CALIBRATORS.names())
def test_every_calibrator_works_for_every_integer_format(format: str, calibrator: Any) -> None:
    """Also for channels that are all zero, and for a single value: scales stay positive and finite."""
    w = _weight()
    w[3] = 0.0
    for symmetric in (True, False):
        for granularity in (Granularity.TENSOR, Granularity.CHANNEL):
            spec = WeightSpec(format=format, granularity=granularity, symmetric=symmetric, calibrator=calibrator)
            for array in (w, np.full((3, 1), -2.0, np.float32)):
                grid = weight_grid(array, spec, 0)
                assert (grid.scale > 0).all()
                assert np.isfinite(grid.scale).all()
