"""The least squared error against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import error_exact
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
