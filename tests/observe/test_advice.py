"""What is advised about clip lines is what happens when they are moved."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity, grid_from_range
from qexplorer.observe.advice import ClipDirection, clip_advice
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import ErrorSplit, error_exact, error_from_histogram
from qexplorer.observe.tensor_grid import grid_view
from qexplorer.observe.weights import array_stats
from tests.observe.calibrators.tensors import normal, stats_of

SHAPES = {
    "normal": normal(50_000),
    "laplace": np.random.default_rng(1).laplace(size=50_000).astype(np.float32),
    "relu": np.maximum(normal(50_000), 0),
    "shifted": normal(50_000) + np.float32(2),
}


@pytest.mark.parametrize("name", ["int8", "int4", "int2"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_at_the_least_squared_error_nothing_is_advised(shape: str, symmetric: bool, name: str) -> None:
    """However much of the error is rounding there, no other lines are said to help."""
    stats, kind = stats_of(SHAPES[shape]), get_format(name)
    low, high = calibrate(stats, "mse", format=kind, symmetric=symmetric)
    grid = grid_from_range(low, high, kind, symmetric=symmetric)
    found = clip_advice(stats.histogram, grid, symmetric=symmetric)
    assert (found.direction, found.gain_db) == (ClipDirection.NOWHERE, 0.0)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("factor", "expected"), [(4.0, ClipDirection.NARROWER), (0.35, ClipDirection.WIDER)])
@pytest.mark.parametrize("shape", ["normal", "laplace"])
def test_following_the_advice_gains_what_it_says(
    shape: str, factor: float, expected: ClipDirection, symmetric: bool
) -> None:
    """Lines too wide or too narrow are told apart, and the lines that are named gain the decibels that are named."""
    x, kind = SHAPES[shape], get_format("int4")
    stats = stats_of(x)
    low, high = calibrate(stats, "mse", format=kind, symmetric=symmetric)
    grid = grid_from_range(factor * low, factor * high, kind, symmetric=symmetric)
    found = clip_advice(stats.histogram, grid, symmetric=symmetric)
    assert found.direction is expected
    moved = grid_from_range(found.low, found.high, kind, symmetric=symmetric)
    before, after = (error_exact(x, each).sqnr_db for each in (grid, moved))
    assert after - before == pytest.approx(found.gain_db, abs=0.3)


def test_one_end_is_moved_where_it_alone_is_wrong() -> None:
    """Of a range that reaches four times too far upwards the upper end comes down, and the lower one stays."""
    stats, kind = stats_of(SHAPES["normal"]), get_format("int4")
    low, high = calibrate(stats, "mse", format=kind, symmetric=False)
    grid = grid_from_range(low, 4 * high, kind, symmetric=False)
    found = clip_advice(stats.histogram, grid, symmetric=False)
    assert found.direction is ClipDirection.NARROWER
    assert found.low == float(grid.low)
    assert found.high < 1.5 * high


@pytest.mark.parametrize(("times", "reach"), [(40.0, 1 / 8), (0.1, 2.0)])
def test_ranges_from_an_eighth_to_twice_are_tried(times: float, reach: float) -> None:
    """Lines that are far too wide or too narrow are told how far to go at first: to an eighth, or to twice."""
    stats, kind = stats_of(SHAPES["normal"]), get_format("int4")
    grid = grid_from_range(-times * 2.5, times * 2.5, kind, symmetric=True)
    assert clip_advice(stats.histogram, grid, symmetric=True).high == pytest.approx(reach * float(grid.high))


def test_what_is_worth_it_begins_at_a_tenth_of_a_decibel() -> None:
    """Lines a little beside the best ones are left alone as long as all others gain less, and not longer."""
    x, kind = SHAPES["normal"], get_format("int4")
    stats = stats_of(x)
    _, best = calibrate(stats, "mse", format=kind, symmetric=True)
    for factor in (1.02, 1.1, 1.2, 1.35):
        grid = grid_from_range(-factor * best, factor * best, kind, symmetric=True)
        tried = [grid_from_range(-f * best, f * best, kind, symmetric=True) for f in np.linspace(0.9, 1.1, 21)]
        now = error_from_histogram(stats.histogram, grid).sqnr_db
        gain = max(error_from_histogram(stats.histogram, each).sqnr_db for each in tried) - now
        found = clip_advice(stats.histogram, grid, symmetric=True)
        if not 0.08 < gain < 0.12:
            assert (found.direction is not ClipDirection.NOWHERE) == (gain > 0.1), factor
        assert found.gain_db == pytest.approx(gain if gain > 0.1 else 0, abs=0.06)


@pytest.mark.parametrize(("reach", "direction", "gain"), [(2.0, "narrower", np.inf), (1.0, "nowhere", 0.0)])
def test_lines_on_which_nothing_is_lost_gain_without_end(reach: float, direction: str, gain: float) -> None:
    """Values of -1 and 1 lie on a grid of 2 bits that ends there, and between the levels of one twice as wide."""
    stats = stats_of(np.tile([-1.0, 1.0], 50))
    grid = grid_from_range(-reach, reach, get_format("int2"), symmetric=True)
    found = clip_advice(stats.histogram, grid, symmetric=True)
    assert (found.direction, found.gain_db) == (direction, gain)
    assert (found.low, found.high) == (-1.0, 1.0)


def test_the_lower_end_alone_can_be_wrong() -> None:
    """Of a range that reaches four times too far down the lower end comes up: narrower, and the upper one stays."""
    stats, kind = stats_of(SHAPES["normal"]), get_format("int4")
    low, high = calibrate(stats, "mse", format=kind, symmetric=False)
    found = clip_advice(stats.histogram, grid_from_range(4 * low, high, kind, symmetric=False), symmetric=False)
    assert found.direction is ClipDirection.NARROWER
    assert found.low > 1.5 * low


def test_a_lower_end_that_cuts_deep_is_moved_out_alone() -> None:
    """Wider, although the upper end stays."""
    stats, kind = stats_of(SHAPES["normal"]), get_format("int4")
    low, high = calibrate(stats, "mse", format=kind, symmetric=False)
    grid = grid_from_range(low / 3, high, kind, symmetric=False)
    found = clip_advice(stats.histogram, grid, symmetric=False)
    assert (found.direction, found.high) == (ClipDirection.WIDER, float(grid.high))
    assert found.low < 1.5 * float(grid.low)


def test_channels_of_which_nothing_is_left_are_counted() -> None:
    """On one grid, channels below half a step become zero: 6 of 8, while the tensor's figure is good."""
    w = np.random.default_rng(0).normal(size=(8, 9)).astype(np.float32)
    w[2:] *= 1e-3 / np.abs(w[2:]).max()
    w[7] = 0.0  # holds nothing, so loses nothing
    view = grid_view(array_stats("w", w, 0), format=get_format("int8"), symmetric=True)
    assert view.channels is not None
    assert view.channels.lost == 5
    assert view.error.sqnr_db > 35
    fine = grid_view(array_stats("w", w, 0), format=get_format("int8"), symmetric=True, granularity=Granularity.CHANNEL)
    assert fine.channels is not None
    assert fine.channels.lost == 0


def test_a_channel_of_which_little_is_left_is_not_lost() -> None:
    """A channel whose error is nearly as large as it is keeps something; one that becomes zero is lost."""
    w = np.full((3, 6), 127.0, np.float32)
    w[1, :] = [0.7, 0.7, 0.7, 1.4, 1.4, 1.4]
    w[2, :] = [0.51, -0.51, 0.51, -0.51, 0.51, -0.51]
    view = grid_view(array_stats("w", w, 0), format=get_format("int8"), symmetric=True)
    assert view.channels is not None
    wrong = np.array([3 * 0.3**2 + 3 * 0.4**2, 6 * 0.49**2])
    np.testing.assert_allclose(view.channels.sqnr_db[1:], 10 * np.log10((w**2).sum(1)[1:] / wrong), rtol=1e-4)
    assert 0 < view.channels.sqnr_db[2] < 1
    assert view.channels.lost == 0
    w[2] = 0.49
    assert grid_view(array_stats("w", w, 0), format=get_format("int8"), symmetric=True).channels.lost == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("bits", "exact"), [(20, False), (22, False), (24, True)])
def test_an_error_of_float32_itself_is_exact(bits: int, exact: bool) -> None:
    """One part in 2**24, its last bit; four times as much is none of its own."""
    assert ErrorSplit.of_sums((4.0**-bits, 0.0, 0.0, 1.0), 1).exact is exact


def test_float_noise_is_exact_and_a_real_error_is_not() -> None:
    """Values that are codes times a scale are exact; with one step of 16 bits between them they are not."""
    codes = np.random.default_rng(1).integers(-127, 128, 4000)
    codes[0] = 127
    x = (codes * np.float32(0.0123)).astype(np.float32)
    stats = stats_of(x)
    eight = grid_from_range(-float(abs(x).max()), float(abs(x).max()), get_format("int8"), symmetric=True)
    assert error_exact(x, eight).exact
    assert not error_from_histogram(stats.histogram, eight).exact
    assert not error_exact(normal(4000), grid_from_range(-5, 5, get_format("int16"), symmetric=True)).exact
