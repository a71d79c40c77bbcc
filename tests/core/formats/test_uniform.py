"""Where evenly spaced grids have their middle and their ends."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import dequantize, grid_from_range, quantize


@pytest.mark.parametrize(
    ("name", "middle", "steps"),
    [("uint8", 128, 127), ("uint4", 8, 7), ("uint2", 2, 1), ("uint16", 32768, 32767), ("int8", 0, 127), ("int4", 0, 7)],
)
def test_zero_is_the_middle_of_a_symmetric_grid(name: str, middle: int, steps: int) -> None:
    """Half of an unsigned grid's codes are for negative values, and the largest magnitude is its highest code."""
    grid = grid_from_range(-0.5, 3.0, get_format(name), symmetric=True)
    assert int(grid.zero_point) == middle
    assert float(grid.scale) == pytest.approx(3.0 / steps, rel=1e-6)
    assert grid.qmax - middle == steps
    assert get_format(name).steps(symmetric=True) == 2 * steps
    values = np.array([-3.0, 0.0, 3.0], np.float32)
    assert quantize(values, grid).tolist() == [middle - steps, middle, middle + steps]
    np.testing.assert_allclose(dequantize(quantize(values, grid), grid), values, rtol=1e-6)
