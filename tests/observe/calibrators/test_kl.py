"""The least divergence against its plain definition, and against what the talk promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.divergence import _linear, _magnitudes
from qexplorer.observe.weight_grids import weight_grid
from tests.observe.calibrators.tensors import normal, stats_of

INT8, UINT8 = get_format("int8"), get_format("uint8")


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
    low, high = calibrate(stats_of(x), "kl", format=INT8, symmetric=True)
    assert high > 0.97
    low, high = calibrate(stats_of(abs(x)), "kl", format=UINT8, symmetric=False)
    assert low == 0.0
    assert high > 0.97


@pytest.mark.parametrize("far", [50.0, 1e4, 1e7])
@pytest.mark.parametrize("symmetric", [True, False])
def test_kl_gives_up_a_far_outlier(far: float, symmetric: bool) -> None:
    """However far one value is, the range stays near the others, and does not cut deep into them."""
    x = normal(300_000)
    x[0] = far
    low, high = calibrate(stats_of(x), "kl", format=INT8, symmetric=symmetric)
    assert 2.0 < high < 8.0
    assert -8.0 < low < -2.0


def test_kl_clips_less_with_more_codes() -> None:
    """4-bit grids need their codes where the mass is; 16-bit grids keep everything."""
    stats = stats_of(np.random.default_rng(3).laplace(0, 1, 300_000))
    four, eight, sixteen = (
        calibrate(stats, "kl", format=get_format(f), symmetric=True) for f in ("int4", "int8", "int16")
    )
    assert four[1] < 0.8 * eight[1]
    assert sixteen == (stats.histogram.minimum, stats.histogram.maximum)


def test_kl_ignores_the_zeros_of_a_relu() -> None:
    """Ten times as many zeros do not move the range."""
    x = np.maximum(normal(), 0)
    alone = calibrate(stats_of(x), "kl", format=UINT8, symmetric=False)
    more = calibrate(
        stats_of(np.concatenate([x, np.zeros(10 * x.size, np.float32)])), "kl", format=UINT8, symmetric=False
    )
    assert alone == pytest.approx(more)
    assert alone[0] == 0.0


def test_kl_per_channel_does_not_take_chance_for_shape() -> None:
    """A few thousand normal values per channel are clipped beyond two deviations, not in their middle."""
    w = normal(8 * 4000).reshape(8, 4000)
    grid = weight_grid(w, WeightSpec(calibrator="kl"), 0)
    assert (grid.high > 2.0).all()
    assert (grid.high <= abs(w).max(1) * (1 + 1e-6)).all()


def test_what_lies_beyond_is_counted() -> None:
    """Bins up to an end, what is below and what is above it: no value is lost, and each is on its side."""
    x = np.concatenate([np.linspace(0.01, 1, 900), np.linspace(1.5, 3, 70), -np.linspace(0.02, 0.9, 500), [-7.0] * 30])
    bins = stats_of(x.astype(np.float32)).histogram.bins
    counts = _linear(bins, -1.0, 1.0, 64)
    assert counts[0] == pytest.approx(30)
    assert counts[-1] == pytest.approx(70, abs=1)
    assert counts.sum() == pytest.approx(x.size)
    assert _magnitudes(bins, 1.0, 64)[-1] == pytest.approx(100, abs=1)


@pytest.mark.parametrize("levels", [15, 127])
def test_cutting_mass_off_costs_divergence(levels: int) -> None:
    """The more values lie beyond a range, the more it diverges: they are counted in its outermost bin."""
    from qexplorer.observe.grid_kernels import divergences

    ends = []
    for beyond in (0.0, 500.0, 5000.0):
        counts = np.full(1026, 40.0)
        counts[0], counts[-1] = 0.0, beyond
        ends.append(divergences(counts, 0.0, 0.01, np.array([0]), np.array([1024]), float(levels))[0])
    assert ends[0] < ends[1] - 0.005 < ends[2] - 0.01


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_second_hill_is_not_cut_off(share: float) -> None:
    """Values in a hill at ten times the others' spread are too many to be given up, on one side or on both."""
    x = normal(200_000)
    x[: int(share * x.size)] = 10.0 + 0.2 * x[: int(share * x.size)]
    for symmetric in (True, False):
        assert calibrate(stats_of(x), "kl", format=INT8, symmetric=symmetric)[1] > 9.5
