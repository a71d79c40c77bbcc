"""What is advised about clip lines is what happens when they are moved."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity, grid_from_range
from qexplorer.observe.advice import ClipDirection, clip_advice
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import error_exact, error_from_histogram
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
