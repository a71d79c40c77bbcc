"""Binary and ternary weights: the scale is the format's own, whichever calibrator is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import fake_quantize
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.weight_grids import weight_grid


def _values() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(6, 50)).astype(np.float32)


def _spec(name: str, granularity: str = "channel", calibrator: str = "minmax") -> WeightSpec:
    return WeightSpec(format=name, granularity=granularity, block=16, calibrator=calibrator)  # type: ignore[arg-type]


@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_the_scale_of_binary_weights_is_their_mean_magnitude(granularity: str) -> None:
    """Of the tensor, of each channel, of each block, the last one shorter (XNOR-Net, equation 6)."""
    x = _values()
    grid = weight_grid(x, _spec("binary", granularity), 0, 1)
    blocks = [np.abs(x[:, start : start + 16]).mean(1) for start in range(0, 50, 16)]
    wanted = {"tensor": np.abs(x).mean(), "channel": np.abs(x).mean(1), "block": np.stack(blocks, 1)}[granularity]
    np.testing.assert_allclose(grid.scale, wanted, rtol=1e-6)
    np.testing.assert_allclose(np.abs(fake_quantize(x, grid)), grid.expanded(x.shape)[0] * np.ones_like(x))


def test_no_scale_of_binary_weights_has_a_smaller_error() -> None:
    """The mean magnitude is the optimum for given signs."""
    x = _values()
    grid = weight_grid(x, _spec("binary"), 0)
    least = ((fake_quantize(x, grid) - x) ** 2).mean()
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert ((np.sign(x) * grid.scale[:, None] * factor - x) ** 2).mean() > least


def test_the_scale_of_ternary_weights_is_near_the_optimum() -> None:
    """The mean beyond 0.7 times the mean magnitude: within 5 % of the least error of any scale."""
    x = _values()
    magnitudes = np.abs(x)
    grid = weight_grid(x, _spec("ternary"), 0)
    beyond = magnitudes >= 0.7 * magnitudes.mean(1, keepdims=True)
    np.testing.assert_allclose(grid.scale, (magnitudes * beyond).sum(1) / beyond.sum(1), rtol=1e-6)
    found = ((fake_quantize(x, grid) - x) ** 2).mean(1)
    scales = grid.scale[:, None] * np.linspace(0.5, 1.5, 101)
    every = [((np.clip(np.rint(x / s[:, None]), -1, 1) * s[:, None] - x) ** 2).mean(1) for s in scales.T]
    assert (found <= 1.05 * np.min(every, 0)).all()


@pytest.mark.parametrize("name", ["binary", "ternary"])
def test_calibrators_reach_no_further(name: str) -> None:
    """Percentile and min-max give the format's own scale."""
    x = _values()
    own = weight_grid(x, _spec(name), 0).scale
    np.testing.assert_array_equal(weight_grid(x, _spec(name, calibrator="percentile"), 0).scale, own)
    assert (weight_grid(x, _spec(name, calibrator="mse"), 0).scale <= own).all()


def test_a_channel_of_zeros_stays_next_to_zero() -> None:
    """Binary has no level there, so that its scale is the smallest one."""
    x = _values()
    x[2] = 0
    grid = weight_grid(x, _spec("binary"), 0)
    assert (np.abs(fake_quantize(x, grid)[2]) < 1e-30).all()
    assert not fake_quantize(x, weight_grid(x, _spec("ternary"), 0))[2].any()
    assert get_format("binary").bits == 1
