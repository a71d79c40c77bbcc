"""The error over the clip range: from the kept histogram, with each calibrator's choice on it."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import grid_from_range
from qexplorer.observe.clip_curve import clip_curve
from qexplorer.observe.error import error_exact
from qexplorer.observe.weights import array_stats

VALUES = np.random.default_rng(0).standard_t(4, 20_000).astype(np.float32).reshape(100, 200)
STATS = array_stats("w", VALUES, 0)


def test_a_point_is_the_error_of_that_range() -> None:
    """The error at each range is that of the values themselves on its grid, within what bins can tell."""
    curve = clip_curve(STATS, get_format("int4"), symmetric=True, calibrators=())
    for point in curve.points[20::10]:
        grid = grid_from_range(point.low, point.high, get_format("int4"), symmetric=True)
        assert point.error.mse == pytest.approx(error_exact(VALUES, grid).mse, rel=0.02)


def test_narrow_ranges_clip_and_the_whole_one_does_not() -> None:
    """From the narrowest range to the whole one clipping falls to nothing and rounding grows."""
    points = clip_curve(STATS, get_format("int4"), symmetric=True, calibrators=()).points
    assert points[0].error.clipping_mse > 100 * points[0].error.rounding_mse
    assert points[-1].error.clipping_mse == pytest.approx(0, abs=1e-9)
    assert points[-1].share == pytest.approx(1)
    assert points[-1].error.rounding_mse > points[0].error.rounding_mse


@pytest.mark.parametrize("symmetric", [True, False])
def test_each_calibrator_lies_on_the_curve(symmetric: bool) -> None:
    """Min-max is the whole range; the one of least squared error is nearly the best of all."""
    curve = clip_curve(STATS, get_format("int4"), symmetric=symmetric, calibrators=("minmax", "mse", "percentile"))
    chosen = {point.name: point for point in curve.chosen}
    assert chosen["minmax"].share == pytest.approx(1)
    assert chosen["mse"].share < chosen["minmax"].share
    assert chosen["mse"].error.mse <= 1.02 * curve.best.error.mse


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("low", "high"), [(-1, 3), (-3, 1), (0, 2), (-2, 0)])
def test_a_calibrators_share_is_that_of_the_whole_range(low: float, high: float, symmetric: bool) -> None:
    """What keeps nine tenths of both ends lies at nine tenths, whichever end is the farther one."""
    values = np.linspace(low, high, 400, dtype=np.float32).reshape(20, 20)
    curve = clip_curve(array_stats("w", values, 0), get_format("int8"), symmetric=symmetric, calibrators=("ratio",))
    (chosen,) = curve.chosen
    assert chosen.share == pytest.approx(0.9)
    assert (chosen.low, chosen.high) == pytest.approx((0.9 * low, 0.9 * high), rel=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_share_is_of_the_width_or_of_the_reach(symmetric: bool, sign: int) -> None:
    """Of ends that are clipped unlike: what is left of both together, or of the farther one where they move alike."""
    values = sign * np.where(VALUES > 0, VALUES**3, VALUES)
    stats = array_stats("w", values, 0)
    (chosen,) = clip_curve(stats, get_format("int8"), symmetric=symmetric, calibrators=("percentile",)).chosen
    low, high = float(values.min()), float(values.max())
    wanted = max(-chosen.low, chosen.high) / max(-low, high) if symmetric else (chosen.high - chosen.low) / (high - low)
    assert chosen.share == pytest.approx(wanted, rel=1e-6)
    assert chosen.share < 0.95


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_tensor_of_zeros_has_no_error_anywhere(symmetric: bool) -> None:
    """Without values beside zero every range is exact and none of anything, and nothing fails."""
    nothing = array_stats("w", np.zeros((4, 4), np.float32), 0)
    curve = clip_curve(nothing, get_format("int8"), symmetric=symmetric, calibrators=("minmax",))
    assert curve.best.error.mse == 0
    assert curve.chosen[0].share == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_zero_is_in_every_range(sign: int) -> None:
    """Values from 3 to 5 are on a grid from 0 to 5: narrowing takes from the far end; min-max is all of it."""
    values = (sign * np.linspace(3, 5, 400)).astype(np.float32).reshape(20, 20)
    curve = clip_curve(array_stats("w", values, 0), get_format("int8"), symmetric=False, calibrators=("minmax",))
    whole, chosen = curve.points[-1], curve.chosen[0]
    assert sorted((whole.low, whole.high)) == pytest.approx(sorted((0, sign * 5)))
    assert chosen.share == pytest.approx(1)
    for point in curve.points[30:]:
        grid = grid_from_range(point.low, point.high, get_format("int8"), symmetric=False)
        assert point.error.mse == pytest.approx(error_exact(values, grid).mse, rel=0.1, abs=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_scales_of_either_sign_are_those_of_the_whole_range(sign: int) -> None:
    """Min-max is the whole range, the mean squared error nearly the best of all, and one sign is like the other."""
    kind = UniformFormat.of(3, signed=True).of_either_sign()
    stats = array_stats("w", sign * VALUES, 0)
    curve = clip_curve(stats, kind, symmetric=True, calibrators=("minmax", "mse", "percentile"))
    chosen = {point.name: point for point in curve.chosen}
    assert chosen["minmax"].share == pytest.approx(1)
    assert (chosen["minmax"].low, chosen["minmax"].high) == pytest.approx((curve.points[-1].low, curve.points[-1].high))
    assert chosen["mse"].error.mse <= 1.02 * curve.best.error.mse
    plain = clip_curve(STATS, UniformFormat.of(3, signed=True), symmetric=True, calibrators=())
    assert curve.best.error.mse < plain.best.error.mse
    for point in curve.points[20::10]:
        grid = grid_from_range(point.low, point.high, kind, symmetric=True)
        assert point.error.mse == pytest.approx(error_exact(sign * VALUES, grid).mse, rel=0.02)
