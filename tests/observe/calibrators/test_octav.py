"""The fixed point of OCTAV: where the derivative of the error is zero, and near the least error of all ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.octav import Octav
from qexplorer.observe.error import error_exact
from qexplorer.observe.weight_grids import weight_grid
from tests.observe.calibrators.tensors import normal, stats_of

HEAVY = np.random.default_rng(1).standard_t(4, 100_000).astype(np.float32)
SHAPES = {
    "normal": normal(100_000),
    "heavy": HEAVY,
    "relu": np.maximum(normal(100_000), 0),
    "skew": np.exp(normal(100_000) / 2) - 1,
}


def _range(x: Any, name: str, symmetric: bool, calibrator: str = "octav") -> tuple[float, float]:
    return calibrate(stats_of(x), calibrator, format=get_format(name), symmetric=symmetric)


@pytest.mark.parametrize(("name", "steps"), [("int4", 14), ("int8", 254)])
def test_a_symmetric_bound_satisfies_the_equation_of_the_paper(name: str, steps: int) -> None:
    """S = E[|x|; |x| > s] / (P(0 < |x| <= s) / (3 n^2) + P(|x| > s)), on the values themselves, to a thousandth."""
    low, high = _range(HEAVY, name, True)
    magnitudes = np.abs(HEAVY.astype(np.float64))
    beyond = magnitudes > high
    expected = magnitudes[beyond].sum() / ((~beyond).sum() / (3 * steps**2) + beyond.sum())
    assert -low == high == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("name", ["uint4", "uint8"])
@pytest.mark.parametrize("rows", [False, True])
def test_a_bound_beside_an_end_that_is_not_cut_satisfies_its_own_equation(name: str, rows: bool) -> None:
    """With one end at the bound and m on the other side: s (P(|x| > s) + h) = E[|x|; |x| > s] - m h (module's text)."""
    x = SHAPES["skew"]
    steps = get_format(name).steps(symmetric=False)  # type: ignore[attr-defined]
    if rows:
        options: Any = {}
        low, high = Octav().row_ranges(x[None], x.size, Wanted(get_format(name), False), options)[0, 0]
    else:
        low, high = _range(x, name, False)
    magnitudes = np.abs(x.astype(np.float64))
    beyond = magnitudes > high
    m, h = -float(x.min()), (~beyond).mean() / (12 * steps**2)
    assert low == pytest.approx(-m)
    assert high < x.max()
    assert high == pytest.approx((magnitudes[beyond].sum() / x.size - m * h) / (beyond.mean() + h), rel=2e-3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "symmetric"), [("int4", True), ("int8", True), ("uint8", False)])
def test_its_error_is_near_the_least(shape: str, name: str, symmetric: bool) -> None:
    """At most a tenth above that of the search over ranges, and below min-max's."""
    x, found = SHAPES[shape], {}
    for calibrator in ("octav", "mse", "minmax"):
        low, high = _range(x, name, symmetric, calibrator)
        found[calibrator] = error_exact(x, grid_from_range(low, high, get_format(name), symmetric=symmetric)).mse
    assert found["octav"] <= 1.1 * found["mse"]
    assert found["octav"] <= found["minmax"] * 1.001


def test_a_row_has_the_range_of_a_tensor_of_its_values() -> None:
    """Channels and blocks are judged on values, tensors on the histogram: alike to half a per cent."""
    rows = np.stack([SHAPES["normal"], SHAPES["heavy"], SHAPES["skew"]])
    for symmetric in (True, False):
        spec = WeightSpec.model_validate({"format": "int4", "calibrator": "octav", "symmetric": symmetric})
        grid = weight_grid(rows, spec, 0, 1)
        for row, low, high in zip(rows, grid.low, grid.high, strict=True):
            alone = grid_from_range(*_range(row, "int4", symmetric), get_format("int4"), symmetric=symmetric)
            assert high - low == pytest.approx(float(alone.high - alone.low), rel=5e-3)


def test_zeros_change_nothing_and_a_constant_keeps_its_value() -> None:
    """Exact zeros have no error; one value, all zeros and an empty row have a range."""
    x = HEAVY[:20_000]
    with_zeros = np.concatenate([x, np.zeros(60_000, np.float32)])
    assert _range(with_zeros, "int4", True) == pytest.approx(_range(x, "int4", True), rel=1e-6)
    assert _range(np.zeros(8), "int8", True) == (0.0, 0.0)
    low, high = _range(np.full(100, 0.5), "uint8", False)
    assert low == 0.0
    assert 0.4 < high <= 0.5


def test_levels_that_are_not_even_are_refused() -> None:
    """It tells the error of rounding from equal steps."""
    spec = WeightSpec.model_validate({"format": "nf4", "calibrator": "octav"})
    with pytest.raises(RecipeError, match="evenly spaced levels"):
        weight_grid(np.ones((4, 4), np.float32), spec, 0)
