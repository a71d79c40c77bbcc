"""When a weight and the table that it is turned over are stored once, and how a layer of a plan is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, grid_from_range, quantize
from qexplorer.quantize.plan_types import Plan, TensorPlan

TABLE = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def _grid(values: np.ndarray, axis: int, format: str = "int8", *, symmetric: bool = True) -> Grid:
    low, high = (f(np.moveaxis(values, axis, 0), 1) for f in (np.min, np.max))
    return grid_from_range(low, high, get_format(format), symmetric=symmetric, axis=axis)


def _plan(own: Grid, /, **changed: Any) -> TensorPlan:
    return replace(TensorPlan("w", "weight", own, "", "int8"), **changed)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_transpose_on_the_same_scales_has_the_same_codes(axis: int) -> None:
    """Scales along either axis of the table; turned over, they run along the other one of the weight."""
    table, weight = _plan(_grid(TABLE, axis)), _plan(_grid(TABLE.T, 1 - axis))
    assert weight.turns(table)
    np.testing.assert_array_equal(quantize(TABLE.T, weight.grid), quantize(TABLE, table.grid).T)


CODES = np.zeros((4, 6), np.int32)


@pytest.mark.parametrize(
    ("weight", "table"),
    [
        ({"carrier": "uint8"}, {}),
        ({}, {"carrier": "int16"}),
        ({"grid": _grid(TABLE.T, 1, "int4")}, {}),
        ({"codes": CODES}, {}),
        ({}, {"codes": CODES.T}),
        ({"grid": replace(_grid(TABLE.T, 1), scale=_grid(TABLE.T, 1).scale * np.float32(1.5))}, {}),
        ({"grid": _grid(TABLE.T, 0)}, {}),
        ({}, {"grid": replace(_grid(TABLE, 0), zero_point=np.ones(6, np.int32))}),
    ],
)
def test_anything_else_makes_them_two(weight: dict[str, Any], table: dict[str, Any]) -> None:
    """Another type or format, codes that an algorithm chose, scales or zero points that differ."""
    assert not _plan(_grid(TABLE.T, 1), **weight).turns(_plan(_grid(TABLE, 0), **table))


def test_a_layer_that_is_not_there_is_no_layer() -> None:
    """It is asked for by its whole name."""
    with pytest.raises(KeyError, match="nobody"):
        Plan((), {}).layer("nobody")
