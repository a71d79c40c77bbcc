"""How far codes are apart, in steps."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from qexplorer.measure.fidelity.code_steps import Steps, merged, steps_of
from qexplorer.measure.fidelity.rounding_points import Point


def _point(*grid: str) -> Point:
    return Point("y/codes", "y", "layer", "Conv", joins=False, code_type=TensorProto.UINT8, grid=grid)


def test_codes_differ_by_whole_steps_whatever_their_type() -> None:
    """255 and 0 of 8 bits are 255 steps apart, not one; shares count every code once."""
    codes = {"y/codes": [np.array([255, 7, 9, 9], np.uint8)]}
    found = steps_of(_point(), codes, 0, {"y/codes": np.array([0, 8, 9, 9], np.uint8)})
    assert found == Steps(255.0, 0.5, 0.25, 4)


@pytest.mark.parametrize(
    ("scale", "zero", "expected"),
    [(0.5, 10, Steps(0.0, 0.0, 0.0, 2)), (1.0, 10, Steps(8.0, 1.0, 1.0, 2)), (0.5, 13, Steps(3.0, 1.0, 1.0, 2))],
)
def test_on_grids_that_are_found_as_the_graph_runs_values_count(scale: float, zero: int, expected: Steps) -> None:
    """The same codes on a scale twice as large stand for values that are steps away, so do those on another zero."""
    codes = np.array([18, 14], np.uint8)
    ours = {"y/codes": [codes], "s": [np.float32(scale)], "z": [np.uint8(zero)]}
    theirs = {"y/codes": codes, "s": np.float32(0.5), "z": np.uint8(10)}
    assert steps_of(_point("s", "z"), ours, 0, theirs) == expected


def test_batches_count_by_their_codes() -> None:
    """One batch of 90 equal codes and one of 10 that all differ make a tenth that differs."""
    assert merged([Steps(0, 0.0, 0.0, 90), Steps(3, 1.0, 0.5, 10)]) == Steps(3, 0.1, 0.05, 100)
    assert merged([]) == Steps(0.0, 0.0, 0.0, 0)
