"""Weights laid out as rows of values that share a scale, back again, and the same rows worked on in parts."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.observe.rows import as_rows, from_rows, grid_rows, in_parts

VALUES = np.arange(24, dtype=np.float64).reshape(2, 3, 4)


def test_rows_are_channels_or_run_along_the_axis_of_blocks() -> None:
    """One row for a whole tensor, one for each channel, or one for each line along an axis; read-only floats."""
    assert as_rows(VALUES, None).tolist() == [list(range(24))]
    assert as_rows(VALUES, 1).tolist() == [[0, 1, 2, 3, 12, 13, 14, 15], [4, 5, 6, 7, 16, 17, 18, 19],
                                           [8, 9, 10, 11, 20, 21, 22, 23]]  # fmt: skip
    assert as_rows(VALUES, -1).shape == (4, 6)
    assert as_rows(VALUES, 1, block=True)[:2].tolist() == [[0, 4, 8], [1, 5, 9]]
    assert as_rows(VALUES, 2, block=True).shape == (6, 4)
    for rows in (as_rows(VALUES, None), as_rows(VALUES, 1), as_rows(VALUES, 1, block=True)):
        assert (rows.dtype, rows.flags.c_contiguous, rows.flags.writeable) == (np.float32, True, False)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_values_of_blocks_stand_where_their_blocks_do(axis: int) -> None:
    """What was taken apart along an axis is put together along it, with as many places as there are blocks."""
    rows = as_rows(VALUES, axis, block=True)
    np.testing.assert_array_equal(from_rows(rows, VALUES.shape, axis), VALUES)
    shape = list(VALUES.shape)
    shape[axis] = 1
    np.testing.assert_array_equal(
        from_rows(rows.max(1, keepdims=True), VALUES.shape, axis), VALUES.max(axis, keepdims=True)
    )


@pytest.mark.parametrize(("axis", "block"), [(None, None), (0, None), (2, None), (0, 2), (2, 3)])
def test_each_row_has_its_scales_beside_it(axis: int | None, block: int | None) -> None:
    """Repeated over the values that share them they are the grid's own, whatever the granularity."""
    shape = (4, 3, 5)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    if axis is None:
        low, high = values.min(), values.max()
    elif block is None:
        low, high = (f(np.moveaxis(values, axis, 0).reshape(shape[axis], -1), 1) for f in (np.min, np.max))
    else:
        parts = [np.take(values, range(k, min(k + block, shape[axis])), axis) for k in range(0, shape[axis], block)]
        low, high = (np.concatenate([f(part, axis, keepdims=True) for part in parts], axis) for f in (np.min, np.max))
    grid = grid_from_range(low, high, get_format("uint8"), symmetric=False, axis=axis, block=block)
    rows = as_rows(values, axis if axis is not None else None, block=block is not None)
    scale, zero, shared = grid_rows(grid, shape, rows.shape)
    for found, part in zip((scale, zero), grid.expanded(shape), strict=True):
        wide = np.repeat(found, shared, axis=1)[:, : rows.shape[1]]
        np.testing.assert_array_equal(wide, as_rows(np.broadcast_to(part, shape), axis, block=block is not None))


@pytest.mark.parametrize(
    ("values", "rows", "cores", "parts"),
    [
        (2**21 - 1, 7, 2, [(0, 7)]),
        (2**21, 7, 2, [(0, 3), (3, 7)]),
        (2**21, 2, 8, [(0, 1), (1, 2)]),
        (2**21, 1, 8, [(0, 1)]),
        (2**21, 7, 1, [(0, 7)]),
    ],
)
def test_large_tensors_are_worked_on_in_two_parts(
    monkeypatch: pytest.MonkeyPatch, values: int, rows: int, cores: int, parts: list[tuple[int, int]]
) -> None:
    """Every row once: all of them at once where a tensor is small, has one row, or there is one processor."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    seen: list[Any] = []
    in_parts(values, rows, seen.append)
    assert sorted((part.start, part.stop) for part in seen) == parts
