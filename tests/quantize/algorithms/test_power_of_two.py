"""Scales become powers of two, nothing more is clipped, and the file runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.quantize.algorithms.power_of_two import on_powers_of_two


def _is_power(scale: np.ndarray) -> bool:
    return bool((np.frexp(scale)[0] == 0.5).all())


@pytest.mark.parametrize(("name", "symmetric"), [("int8", True), ("uint8", False), ("uint4", False), ("int3", True)])
@pytest.mark.parametrize("seed", range(5))
def test_up_covers_the_old_range_with_the_next_power(name: str, symmetric: bool, seed: int) -> None:
    """Each scale is the smallest power of two that is no smaller, and zero stays a level."""
    rng = np.random.default_rng(seed)
    low, high = -rng.lognormal(0, 2, 20), rng.lognormal(0, 2, 20)
    grid = grid_from_range(low, high, get_format(name), symmetric=symmetric, axis=0)
    moved = on_powers_of_two(grid, "up")
    assert _is_power(moved.scale)
    assert (moved.scale >= grid.scale).all()
    assert (moved.scale < 2 * grid.scale).all()
    assert (moved.high >= grid.high - moved.scale / 2).all()
    assert (moved.low <= grid.low + moved.scale / 2).all()
    again = on_powers_of_two(moved, "up")
    np.testing.assert_array_equal(again.scale, moved.scale)


def test_nearest_is_at_most_half_an_octave_away() -> None:
    """In the logarithm."""
    grid = grid_from_range(-1.0, np.geomspace(1, 8, 30), get_format("int8"), symmetric=True, axis=0)
    moved = on_powers_of_two(grid, "nearest")
    assert _is_power(moved.scale)
    assert (np.abs(np.log2(moved.scale / grid.scale)) <= 0.5 + 1e-6).all()


def test_a_file_has_powers_alone_and_runs(shared_workspace: Path) -> None:  # noqa: ARG001
    """Weights, activations and the int32 biases between them, in the file itself."""
    made = qx.quantize("tumour_mlp", "w8a8-power_of_two")
    assert all(_is_power(tensor.grid.scale) for tensor in made.plan.tensors.values())
    run = qx.measure(made, backend="onnxruntime", samples=64)
    assert run.status == "ok"
