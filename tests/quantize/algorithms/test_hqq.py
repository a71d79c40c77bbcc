"""HQQ: what it minimizes becomes less, scale by scale, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Float32, Grid, fake_quantize, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.algorithms.hqq import HqqOptions, fitted
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _weight(seed: int = 0) -> Float32:
    """Normal rows with a few outliers."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(12, 64))
    values[::3, :2] *= 6
    return np.asarray(values, np.float32)


def _error(weight: Float32, grid: Grid, rows: bool = True) -> np.ndarray:
    error = np.abs(weight - fake_quantize(weight, grid)).astype(np.float64) ** 0.7
    return error.sum(1) if rows else error.sum()


def _grid(weight: Float32, format: str, granularity: str, *, symmetric: bool = True) -> Grid:
    spec = WeightSpec(format=format, granularity=granularity, symmetric=symmetric, block=16, calibrator="minmax")  # type: ignore[arg-type]
    return weight_grid(weight, spec, 0, 1)


@pytest.mark.parametrize("format", ["int4", "int3", "int8", "nf4"])
def test_no_row_gets_worse_and_rows_with_outliers_better(format: str) -> None:
    """Row by row, in the measure that it minimizes."""
    weight = _weight()
    grid = _grid(weight, format, "channel")
    found = fitted(weight, grid, HqqOptions())
    before, after = _error(weight, grid), _error(weight, found)
    assert np.all(after <= before)
    assert np.any(after < 0.98 * before)
    same = found.scale == grid.scale
    assert np.array_equal(after[same], before[same])


@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_each_scale_is_found_by_itself(granularity: str) -> None:
    """What belongs to one scale decides on it: two weights side by side get the scales that each gets alone."""
    one, other = _weight(1), _weight(2)
    grids = [_grid(each, "int4", granularity) for each in (one, other)]
    alone = [fitted(each, grid, HqqOptions()) for each, grid in zip((one, other), grids, strict=True)]
    assert any(np.any(a.scale != b.scale) for a, b in zip(alone, grids, strict=True))
    if granularity == "tensor":
        return
    both = replace(
        grids[0],
        scale=np.concatenate([each.scale for each in grids]),
        zero_point=np.concatenate([each.zero_point for each in grids]),
    )
    found = fitted(np.concatenate([one, other]), both, HqqOptions())
    better = _better(found, alone)
    assert better > 0.9, "but for when it stops looking, which is when no scale at all became better"


def _better(found: Grid, alone: list[Grid]) -> float:
    return float(np.mean(found.scale == np.concatenate([each.scale for each in alone])))


def test_zero_points_stay() -> None:
    """An asymmetric grid keeps them, and no row gets worse."""
    weight = _weight(3) + np.float32(0.7)
    grid = _grid(weight, "uint4", "channel", symmetric=False)
    found = fitted(weight, grid, HqqOptions())
    assert np.array_equal(found.zero_point, grid.zero_point)
    assert np.any(found.scale != grid.scale)
    assert np.all(_error(weight, found) <= _error(weight, grid))


def test_scales_stay_above_what_a_bias_needs() -> None:
    """The least scale is kept to."""
    weight = _weight(4)
    grid = _grid(weight, "int4", "channel")
    assert np.any(fitted(weight, grid, HqqOptions()).scale < grid.scale)
    assert np.all(fitted(weight, grid, HqqOptions(), least=grid.scale).scale >= grid.scale)


def test_a_weight_of_zeros_and_one_on_its_grid() -> None:
    """Nothing to gain, nothing moves, no warning."""
    grid = grid_from_range(-7.0, 7.0, get_format("int4"), symmetric=True)
    for weight in (np.zeros((3, 4), np.float32), np.arange(-6, 6, dtype=np.float32).reshape(3, 4)):
        found = fitted(weight, grid, HqqOptions())
        assert found.scale == grid.scale


@pytest.mark.parametrize("recipe", ["w4a8-hqq", "w4a8-tensor-hqq", "w4-hqq", "w4-b8-hqq"])
def test_the_plan_says_how_many_scales_moved(recipe: str) -> None:
    """And the int32 biases stand on the grid of their new products."""
    one = case("cnn")
    found = quantized(one.model, recipe, data_of(one))
    plain = quantized(one.model, recipe.replace("-hqq", ""), data_of(one))
    moved = 0
    for layer in (each for each in found.plan.layers if each.op in ("Conv", "Gemm")):
        keys, old = found.plan.constants[layer.name], plain.plan.constants[layer.name]
        weight = found.plan.tensors[keys[1]].grid
        changed = int(np.sum(weight.scale != plain.plan.tensors[old[1]].grid.scale))
        moved += changed
        assert (f"HQQ moved {changed} of its {weight.scale.size} scales" in layer.reason) == bool(changed)
        if 2 in keys:
            node = one.model.proto().graph.node
            x = next(each.input[0] for each in node if each.name == layer.name)
            product = found.plan.tensors[x].grid.scale * weight.scale
            np.testing.assert_array_equal(found.plan.tensors[keys[2]].grid.scale, product.astype(np.float32))
    assert moved
