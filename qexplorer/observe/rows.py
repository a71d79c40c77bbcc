"""Weights as rows of values that share a scale, or are cut into blocks that do."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, Grid

__all__ = ["as_rows", "from_rows", "frozen", "grid_rows", "in_parts"]

_WORTH_THREADS = 2**21


def frozen(array: Float32) -> Float32:
    """The same memory, read-only: weights from a file are, and loops are compiled again for each kind of array."""
    view = array.view()
    view.setflags(write=False)
    return view


def as_rows(array: NDArray[Any], axis: int | None, *, block: bool = False) -> Float32:
    """``array`` as contiguous, read-only float32 rows.

    1. Without an axis: one row, shape ``(1, size)``.
    2. Per channel: one row for each index along ``axis``, shape ``(C, size / C)``.
    3. Per block: rows run along ``axis``, shape ``(size / n, n)`` with ``n`` values along it.
    """
    values = np.asarray(array, np.float32)
    if axis is None:
        return frozen(np.ascontiguousarray(values.reshape(1, -1)))
    if block:
        return frozen(np.ascontiguousarray(np.moveaxis(values, axis, -1)).reshape(-1, values.shape[axis]))
    return frozen(np.ascontiguousarray(np.moveaxis(values, axis, 0)).reshape(values.shape[axis], -1))


def from_rows(values: NDArray[Any], shape: tuple[int, ...], axis: int) -> NDArray[Any]:
    """Values of blocks ``(rows, blocks)`` in the shape of a block grid: ``shape`` with ``axis`` cut down to blocks."""
    moved = [n for k, n in enumerate(shape) if k != axis % len(shape)]
    return np.moveaxis(values.reshape(*moved, values.shape[1]), -1, axis)


def grid_rows(grid: Grid, shape: tuple[int, ...], rows: tuple[int, ...]) -> tuple[Float32, Float32, int]:
    """Scale and zero point of ``grid`` beside the rows of a tensor of ``shape``, and how many values share them.

    Returns:
        Contiguous, read-only float32 ``(rows, blocks)`` twice; a per-tensor grid is repeated for each row.
    """
    if grid.block is None:
        block = rows[1]
        pair = [np.broadcast_to(part.reshape(-1, 1), (rows[0], 1)) for part in (grid.scale, grid.zero_point)]
    else:
        assert grid.axis is not None
        block = grid.block
        blocks = -(-shape[grid.axis] // block)
        pair = [np.moveaxis(part, grid.axis, -1).reshape(-1, blocks) for part in (grid.scale, grid.zero_point)]
    scale, zero = (frozen(np.ascontiguousarray(part, np.float32)) for part in pair)
    return scale, zero, block


def in_parts(values: int, rows: int, work: Callable[[slice], None]) -> None:
    """Calls ``work`` for all of ``rows`` rows: at once, or for large tensors in two threads with half of them each.

    ``work`` must be a loop that releases the interpreter lock and writes to its own rows alone.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if values < _WORTH_THREADS or rows < 2 or cores < 2:
        work(slice(0, rows))
        return
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (slice(0, rows // 2), slice(rows // 2, rows))))
