"""The least squared error against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import error_exact, error_per_channel
from qexplorer.observe.weight_grids import weight_grid
from tests.observe.calibrators.tensors import channels, normal, stats_of

INT8, INT4 = get_format("int8"), get_format("int4")


def _mse(x: Any, low: float, high: float, format: Any, symmetric: bool) -> float:
    return error_exact(x, grid_from_range(low, high, format, symmetric=symmetric)).mse


@pytest.mark.parametrize("format", [INT8, INT4], ids=["int8", "int4"])
@pytest.mark.parametrize("kind", ["normal", "heavy", "outlier"])
def test_mse_is_as_good_as_the_best_of_many_symmetric_ranges(format: Any, kind: str) -> None:
    """No threshold of a fine brute-force search has an error that is more than one per cent lower."""
    x = normal(50_000)
    if kind == "heavy":
        x = np.random.default_rng(1).standard_t(3, 50_000).astype(np.float32)
    if kind == "outlier":
        x[0] = 300.0
    low, high = calibrate(stats_of(x), "mse", format=format, symmetric=True)
    top = float(abs(x).max())
    best = min(_mse(x, -t, t, format, True) for t in top * 2.0 ** np.arange(-9, 0.001, 0.05))
    assert _mse(x, low, high, format, True) <= 1.01 * best


@pytest.mark.parametrize("shift", [0.0, 1.5])
@pytest.mark.parametrize("outlier", [None, -60.0, 60.0])
def test_mse_finds_both_ends_of_an_asymmetric_range(shift: float, outlier: float | None) -> None:
    """A search over pairs of ends is at most six per cent better, also with an outlier on one side alone."""
    x = normal(20_000) + np.float32(shift)
    if outlier:
        x[0] = outlier
    low, high = calibrate(stats_of(x), "mse", format=INT4, symmetric=False)
    pairs = [(a, b) for a in np.linspace(-4, 0, 30) for b in np.linspace(0.5, 6, 40)]
    best = min(_mse(x, a, b, INT4, False) for a, b in pairs)
    assert _mse(x, low, high, INT4, False) <= 1.06 * best


def _error(w: Any, grid: Grid) -> float:
    return error_exact(w, grid).mse


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_mse_is_never_worse_than_minmax_on_weights(granularity: Any, symmetric: bool) -> None:
    """Whatever the granularity; and finer granularity is never worse with the same calibrator."""
    w = channels()
    spec = WeightSpec(format="int3", granularity=granularity, symmetric=symmetric, block=16)
    assert _error(w, weight_grid(w, spec.model_copy(update={"calibrator": "mse"}), 0, 1)) <= _error(
        w, weight_grid(w, spec, 0, 1)
    ) * (1 + 1e-6)


def _least(v: Any, format: Any, symmetric: bool) -> float:
    """The least error over scales in steps of 0.02 %, each refined for its codes, and over all zero points."""
    zeros = [0] if symmetric else range(format.qmin, format.qmax + 1)
    qmin = -format.qmax if symmetric else format.qmin
    scales = np.abs(v).max() * 1.0002 ** -np.arange(0.0, np.log(2.2 * format.qmax - 2 * qmin) / np.log(1.0002))
    best = np.inf
    for zero in zeros:
        codes = np.clip(np.rint(v / scales[:, None]), qmin - zero, format.qmax - zero)
        squares = np.maximum((codes**2).sum(1), 1)
        best = min(best, ((v**2).sum() - (codes @ v) ** 2 / squares).min())
    return float(best)


@pytest.mark.parametrize(("name", "symmetric"), [("int8", True), ("int4", True), ("int4", False), ("int2", False)])
@pytest.mark.parametrize("n", [2, 9, 25])
def test_on_few_values_the_least_error_is_found(n: int, name: str, symmetric: bool) -> None:
    """Channels of 2, 9 and 25 values, skewed or with an outlier, have the error of a brute-force search, or less."""
    rng = np.random.default_rng(n)
    w = rng.standard_normal((12, n)).astype(np.float32)
    w[:4] += 1.5
    w[4:6, 0] *= 8
    spec = WeightSpec(format=name, granularity="channel", symmetric=symmetric, calibrator="mse")
    grid = weight_grid(w, spec, 0)
    shape = (-1, 1)
    scale, zero = grid.scale.astype(np.float64).reshape(shape), grid.zero_point.reshape(shape)
    codes = np.clip(np.rint(w / scale) + zero, grid.qmin, grid.qmax) - zero
    found = ((w - codes * scale) ** 2).sum(1, dtype=np.float64)
    for row, error in zip(w.astype(np.float64), found, strict=True):
        assert error <= _least(row, get_format(name), symmetric) * 1.0001 + 1e-9


@pytest.mark.parametrize("name", ["int4", "int3"])
@pytest.mark.parametrize("n", [2, 9, 25])
def test_on_few_values_scales_of_either_sign_have_the_least_error(n: int, name: str) -> None:
    """Every code from the most negative on, under scales above and below zero, against a brute-force search."""
    w = np.random.default_rng(n).standard_normal((8, n)).astype(np.float32)
    w[:3] += 1.5
    kind = get_format(name)
    grid = weight_grid(w, WeightSpec(format=name, granularity="channel", calibrator="mse"), 0, either_sign=True)
    found = error_per_channel(w, grid)
    steps = 1.001 ** -np.arange(0.0, np.log(6.0 * kind.qmax) / np.log(1.001))  # type: ignore[attr-defined]
    for v, error in zip(w.astype(np.float64), found, strict=True):
        scales = np.abs(v).max() * np.concatenate([steps, -steps])[:, None]
        codes = np.clip(np.rint(v / scales), kind.qmin, kind.qmax)  # type: ignore[attr-defined]
        refined = (v**2).sum() - (codes @ v) ** 2 / np.maximum((codes**2).sum(1), 1)
        same_sign = (codes @ v) * scales[:, 0] > 0
        side = np.sign(scales[:, 0]) == (-1 if v.max() > -v.min() else 1)
        assert error.mse * n <= refined[same_sign & side].min() * 1.001 + 1e-9


def test_on_few_values_an_8_bit_asymmetric_grid_is_the_least() -> None:
    """Nine values on 255 steps: no scale between half and four times minmax's, with any zero point, is better."""
    rng = np.random.default_rng(5)
    shifts = np.array([0.0, 0.0, 2.0, -2.0, 0.5, 5.0])[:, None]
    for v in (rng.standard_normal((6, 9)) + shifts).astype(np.float32):
        grid = weight_grid(v[None], WeightSpec(granularity="channel", symmetric=False, calibrator="mse"), 0)
        scale, zero = float(grid.scale[0]), int(grid.zero_point[0])
        error = ((v - (np.clip(np.rint(v / scale) + zero, -128, 127) - zero) * scale) ** 2).sum(dtype=np.float64)
        span = max(v.max(), 0) - min(v.min(), 0)
        scales = span / 255 * 4.0 ** np.linspace(-0.5, 1, 8000)[:, None, None]
        zeros = np.arange(-128, 128)[None, :, None]
        codes = np.clip(np.rint(v / scales) + zeros, -128, 127) - zeros
        assert error <= ((v - codes * scales) ** 2).sum(2).min() * 1.0001 + 1e-12


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("values", [[0.0] * 4, [0.7], [-3.0, 0.0], [1e-30, -1e-30], [1.0, 0.5, 0.25]])
def test_values_that_need_no_search_are_exact(values: list[float], symmetric: bool) -> None:
    """Zeros, one value, and values that are multiples of one another lose nothing but float32's own rounding."""
    w = np.array([values], np.float32)
    spec = WeightSpec(format="int8", granularity="channel", symmetric=symmetric, calibrator="mse")
    assert _error(w, weight_grid(w, spec, 0)) <= 1e-12 * float((w**2).max())
