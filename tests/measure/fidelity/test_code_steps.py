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


def test_codes_of_another_shape_are_infinitely_far_and_no_codes_are_equal() -> None:
    """Nothing is said of how many of them differ but that all do."""
    ours = {"y/codes": [np.zeros((2, 3), np.uint8), np.zeros((0, 3), np.uint8)]}
    assert steps_of(_point(), ours, 0, {"y/codes": np.zeros((3, 2), np.uint8)}) == Steps(np.inf, 1.0, 1.0, 1)
    assert steps_of(_point(), ours, 1, {"y/codes": np.zeros((0, 3), np.uint8)}) == Steps(0.0, 0.0, 0.0, 0)


def test_wide_codes_differ_by_all_of_their_range() -> None:
    """Of 16 bits, and of 8 bits beside 32: no difference wraps around; a step is not beyond a step."""
    wide = steps_of(_point(), {"y/codes": [np.array([65535, 1], np.uint16)]}, 0, {"y/codes": np.uint16([0, 0])})
    assert wide == Steps(65535.0, 1.0, 0.5, 2)
    mixed = steps_of(_point(), {"y/codes": [np.array([255], np.uint8)]}, 0, {"y/codes": np.array([-(2**31)], np.int32)})
    assert mixed.steps == 2**31 + 255
    signed = steps_of(_point(), {"y/codes": [np.array([127], np.int8)]}, 0, {"y/codes": np.array([-128], np.int8)})
    assert signed.steps == 255


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (1.0, Steps(0.0, 0.0, 0.0, 2)),
        (1.0 + 0.0009, Steps(0.0, 0.0, 0.0, 2)),  # a hundredth of a step at ten of them is float noise
        (1.0 + 0.002, Steps(1.0, 0.5, 0.0, 2)),
        (1.0 + 0.1009, Steps(1.0, 1.0, 0.0, 2)),
        (1.0 + 0.102, Steps(2.0, 1.0, 0.5, 2)),
    ],
)
def test_scales_that_differ_in_their_last_bits_are_one(scale: float, expected: Steps) -> None:
    """Values of ten steps and of one: what is off by part of a step beyond that counts as a whole one."""
    codes = np.array([10, 1], np.uint8)
    ours = {"y/codes": [codes], "s": [np.float64(scale)], "z": [np.uint8(0)]}
    found = steps_of(_point("s", "z"), ours, 0, {"y/codes": codes, "s": np.float64(1.0), "z": np.uint8(0)})
    assert found == expected
