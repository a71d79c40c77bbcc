"""Roundings that are within one step and wrong all the same."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from qexplorer.measure.fidelity.alone import LEANS, STRAYS
from qexplorer.measure.fidelity.leaning import lean_at, lean_of
from qexplorer.measure.fidelity.rounding_points import Point

VALUES = np.random.default_rng(0).uniform(-5, 5, 4000).astype(np.float32)
STEP, ZERO, LIMITS = 0.05, 128, (0, 255)


def rounded(values: np.ndarray, how: object = np.round) -> np.ndarray:
    """Codes by one way of rounding."""
    return np.clip(how(values.astype(np.float64) / STEP) + ZERO, *LIMITS).astype(np.uint8)  # type: ignore[operator]


@pytest.mark.parametrize("how", [np.floor, np.ceil, lambda x: np.round(x) + 1], ids=["down", "up", "zero point"])
def test_rounding_to_one_side_leans(how: object) -> None:
    """Down, up, and to nearest with a zero point that is off by one: never off by more than a step, and found."""
    codes = rounded(VALUES, how)
    assert np.abs(codes.astype(int) - rounded(VALUES).astype(int)).max() == 1
    assert lean_of(codes, VALUES, STEP, ZERO, LIMITS)[0] > 0.4 > LEANS


def test_a_lost_bit_strays_to_both_sides() -> None:
    """Rounding to even codes only leans to neither side, and misses the nearest code for about half of the values."""
    leans, strays = lean_of(rounded(VALUES, lambda x: 2 * np.round(x / 2)), VALUES, STEP, ZERO, LIMITS)
    assert leans < 0.1
    assert strays > 0.4 > STRAYS


def test_ties_and_float32_lean_nowhere() -> None:
    """Half away from zero, and the float32 quotient, go to a nearest code wherever there is one."""
    ties = (np.arange(-90, 90) * STEP / 2).astype(np.float32)
    away = rounded(ties, lambda x: np.trunc(x + np.copysign(0.5, x)))
    assert lean_of(away, ties, STEP, ZERO, LIMITS) == (0.0, 0.0)
    single = np.clip(np.round(VALUES / np.float32(STEP)) + ZERO, *LIMITS).astype(np.uint8)
    assert lean_of(single, VALUES, STEP, ZERO, LIMITS) == (0.0, 0.0)


def test_rounding_twice_is_let_through() -> None:
    """A mean on one grid that is moved to another misses some nearest codes, to both sides alike."""
    once = np.round(VALUES.astype(np.float64) / 0.04) * 0.04
    leans, strays = lean_of(rounded(once), VALUES, STEP, ZERO, LIMITS)
    assert 0 < strays < STRAYS
    assert leans < 0.05


def test_a_background_counts_once() -> None:
    """Nine of ten values are the same near-tie that went up: one value of many is no leaning."""
    flat = np.concatenate([np.full(9 * VALUES.size, 2.4 * STEP, np.float32), VALUES])
    codes = np.concatenate([np.full(9 * VALUES.size, 131, np.uint8), rounded(VALUES)])
    assert lean_of(codes, flat, STEP, ZERO, LIMITS)[0] < 0.01


def test_what_is_cut_off_does_not_count() -> None:
    """Values beyond the grid have one code to go to, and few different values say nothing."""
    far = np.linspace(10, 20, 1000).astype(np.float32)
    assert lean_of(rounded(far), far, STEP, ZERO, LIMITS) == (0.0, 0.0)
    assert lean_of(rounded(VALUES[:20], np.floor), VALUES[:20], STEP, ZERO, LIMITS) == (0.0, 0.0)


def _rounds(*grid: np.ndarray) -> ModelProto:
    """A graph that rounds ``x`` on this grid: scale, and perhaps zero point."""
    names = ["scale", "zero"][: len(grid)]
    constants = [numpy_helper.from_array(value, name) for value, name in zip(grid, names, strict=True)]
    node = helper.make_node("QuantizeLinear", ["x", *names], ["codes"])
    return helper.make_model(helper.make_graph([node], "g", [], [], constants))


def _point(kind: int, codes: str = "codes") -> Point:
    return Point(codes, "x", "layer", "Conv", kind, joins=False)


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("zero", [None, 3])
def test_the_grid_of_a_point_is_read_from_its_graph(kind: str, zero: int | None) -> None:
    """Scale, zero point (0 where there is none) and the ends of its type: nearest codes lean nowhere, one more does."""
    info = np.iinfo(kind)
    grid = [np.float32(STEP), *([] if zero is None else [np.array(zero, kind)])]
    look = lean_at(_rounds(*grid), _point(helper.np_dtype_to_tensor_dtype(np.dtype(kind))))
    assert look is not None
    nearest = np.round(VALUES.astype(np.float64) / np.float64(np.float32(STEP))) + (zero or 0)
    assert look(np.clip(nearest, info.min, info.max), VALUES) == (0.0, 0.0)
    assert look(np.clip(nearest + 1, info.min, info.max), VALUES)[0] > 0.9


def test_a_grid_that_is_not_known_is_not_judged() -> None:
    """Scales by channel, codes of four bits, codes that no node of the graph makes."""
    several = _rounds(np.ones(2, np.float32), np.zeros(2, np.uint8))
    assert lean_at(several, _point(TensorProto.UINT8)) is None
    one = _rounds(np.float32(1), np.uint8(0))
    assert lean_at(one, _point(TensorProto.UINT4)) is None
    assert lean_at(one, _point(TensorProto.UINT8, "other")) is None
