"""Weights as rows of values that share a scale, or are cut into blocks that do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, Grid

__all__ = ["as_rows", "from_rows", "grid_rows"]


def as_rows(array: NDArray[Any], axis: int | None, *, block: bool = False) -> Float32:
    """``array`` as contiguous float32 rows.

    1. Without an axis: one row, shape ``(1, size)``.
    2. Per channel: one row for each index along ``axis``, shape ``(C, size / C)``.
    3. Per block: rows run along ``axis``, shape ``(size / n, n)`` with ``n`` values along it.
    """
    values = np.asarray(array, np.float32)
    if axis is None:
        return np.ascontiguousarray(values.reshape(1, -1))
    if block:
        return np.ascontiguousarray(np.moveaxis(values, axis, -1)).reshape(-1, values.shape[axis])
    return np.ascontiguousarray(np.moveaxis(values, axis, 0)).reshape(values.shape[axis], -1)


def from_rows(values: NDArray[Any], shape: tuple[int, ...], axis: int) -> NDArray[Any]:
    """Values of blocks ``(rows, blocks)`` in the shape of a block grid: ``shape`` with ``axis`` cut down to blocks."""
    moved = [n for k, n in enumerate(shape) if k != axis % len(shape)]
    return np.moveaxis(values.reshape(*moved, values.shape[1]), -1, axis)


def grid_rows(grid: Grid, shape: tuple[int, ...], rows: tuple[int, ...]) -> tuple[Float32, Float32, int]:
    """Scale and zero point of ``grid`` as ``(rows, blocks)``, as :func:`as_rows` cuts a tensor of ``shape``; and the
    block."""
    if grid.block is None:
        scale, zero = grid.scale.reshape(-1, 1), grid.zero_point.reshape(-1, 1)
        block = rows[1]
    else:
        assert grid.axis is not None
        n = shape[grid.axis]
        scale = np.moveaxis(grid.scale, grid.axis, -1).reshape(-1, -(-n // grid.block))
        zero = np.moveaxis(grid.zero_point, grid.axis, -1).reshape(scale.shape)
        block = grid.block
    return np.ascontiguousarray(scale), np.ascontiguousarray(zero, np.float32), block
