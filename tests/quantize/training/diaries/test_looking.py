"""Weights counted along their grid: every level in the middle of a bin, every weight once."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, fake_quantize, grid_from_range
from qexplorer.quantize.training.diaries.looking import first_look, look_again


def _grid(name: str, weights: np.ndarray, axis: int | None) -> Grid:
    top = np.abs(weights).max() if axis is None else np.abs(weights).max(axis=tuple(range(1, weights.ndim)))
    plain = grid_from_range(-1.0, 1.0, get_format(name), symmetric=True)
    scale = np.asarray(plain.scale * top, np.float32)
    return Grid(plain.format, scale, np.zeros(scale.shape, np.int32), axis, None, plain.qmin, plain.qmax)


@pytest.mark.parametrize("name", ["int2", "int4", "int8", "ternary", "nf4"])
@pytest.mark.parametrize("axis", [None, 0])
def test_rounded_weights_lie_on_the_levels(name: str, axis: int | None) -> None:
    """All bins together hold all weights; once rounded, only bins with a level in them hold any."""
    weights = np.random.default_rng(0).normal(size=(8, 300)).astype(np.float32)
    grid = _grid(name, weights, axis)
    first = first_look(weights, grid)
    look = look_again(first, weights, grid)
    assert sum(look.now.counts) == weights.size
    assert look.first == look.now
    assert look.moved == 0
    rounded = look_again(first, fake_quantize(weights, grid), grid)
    assert rounded.moved == 0
    assert rounded.now.outside == 0
    held = {place for place, count in enumerate(rounded.now.counts) if count}
    levels = {int(np.floor((level - look.low) / look.width)) for level in look.levels}
    assert held <= levels | {place + 1 for place in levels} | {place - 1 for place in levels}
    assert low_and_high(look.low, look.width, len(look.now.counts), look.levels)


def low_and_high(low: float, width: float, bins: int, levels: tuple[float, ...]) -> bool:
    """Whether the bins reach beyond the grid on both sides."""
    return low < levels[0] and low + bins * width > levels[-1]


def test_weights_that_move_and_leave_the_grid_are_told() -> None:
    """Half of the weights one step further: half of the codes moved; three times as large, most are outside."""
    weights = np.tile(np.array([-1.0, 0.0], np.float32), 200).reshape(20, 20)
    grid = Grid(get_format("int4"), np.float32(0.5).reshape(()), np.int32(0).reshape(()), None, None, -7, 7)
    first = first_look(weights, grid)
    moved = weights + np.where(weights < 0, 0.5, 0.0).astype(np.float32)
    assert look_again(first, moved, grid).moved == 0.5
    assert look_again(first, weights * 8, grid).now.outside == 0.5
