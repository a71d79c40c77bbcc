"""What algorithms changed, written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.changes.changes import Changes
from qexplorer.quantize.changes.kept import load_changes, save_changes
from qexplorer.quantize.plan_types import TensorPlan


def test_a_grid_with_scales_of_either_sign_comes_back_as_it_was(tmp_path: Path) -> None:
    """Its format is not the registered one, though it has its name: signs are zero points, and are counted as none."""
    w = np.random.default_rng(0).standard_normal((8, 32)).astype(np.float32)
    grids = [weight_grid(w, WeightSpec(format="int4"), 0, either_sign=sign) for sign in (False, True)]
    tensors = {str(n): TensorPlan("w", "weight", grid, "asked", "int4") for n, grid in enumerate(grids)}
    changes = Changes((), tensors, {("layer", 1): "1"}, {}, ())
    found = load_changes(save_changes(changes, tmp_path / "changes.npz"))
    assert found is not None
    for key, tensor in tensors.items():
        back = found.tensors[key].grid
        assert back.format == tensor.grid.format
        np.testing.assert_array_equal(back.scale, tensor.grid.scale)
        np.testing.assert_array_equal(back.zero_point, tensor.grid.zero_point)
