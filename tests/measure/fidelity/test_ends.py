"""What an output may differ by."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.measure.fidelity.ends import FACTOR, FACTOR_HALF, close, spread, times_explained

STILL = np.zeros((1, 2), np.float32)
OURS = np.array([[1.0, 0.0]], np.float32)


@pytest.mark.parametrize(("halves", "factor"), [(False, FACTOR), (True, FACTOR_HALF)])
def test_the_error_of_float_arithmetic_is_allowed_many_times(halves: bool, factor: float) -> None:
    """64 times the simulation's own error in 32-bit floats, 8 times where 16-bit floats make it large already."""
    assert (FACTOR, FACTOR_HALF) == (64, 8)
    away, times = times_explained(OURS, STILL, [], 1 / factor, None, halves=halves)
    assert (away, times) == (1.0, 1.0)
    assert times_explained(OURS, STILL, [], 0.5 / factor, None, halves=halves)[1] == 2.0


def test_what_an_unseen_rounding_moves_is_allowed_twice() -> None:
    """An output that moves by 0.5 as codes nobody sees go to the next may be off by 1, there and only there."""
    moved = np.array([[0.5, 0.0]])
    assert times_explained(OURS, STILL, [], None, moved, halves=False)[1] == 1.0
    assert times_explained(OURS[:, ::-1], STILL, [], None, moved, halves=False)[1] == np.inf
    assert times_explained(OURS, STILL, [], None, None, halves=False)[1] == np.inf


def test_whole_numbers_are_equal_but_where_an_unseen_step_decides() -> None:
    """The place of a maximum may move as far as it does when codes go to the next."""
    ours, theirs = np.array([[7, 3]]), np.array([[5, 3]])
    assert times_explained(ours, theirs, [], None, None, halves=False) == (2.0, np.inf)
    assert times_explained(ours, theirs, [], None, np.array([[2.0, 0.0]]), halves=False) == (2.0, 1.0)


def test_of_all_that_explain_the_nearest_counts() -> None:
    """Exact integers or float64 explain each element by itself, infinities and NaN included."""
    theirs = np.array([[9.0, np.nan]], np.float32)
    ours = np.array([[1.0, np.nan]], np.float32)
    assert times_explained(ours, theirs, [], None, None, halves=False)[0] == 8.0
    assert times_explained(ours, theirs, [OURS], None, None, halves=False) == (0.0, 0.0)
    assert times_explained(OURS, theirs, [], None, None, halves=False)[0] == np.inf


def test_an_output_moves_as_far_as_it_does_at_any_draw() -> None:
    """Of several draws the largest move counts, element by element."""
    draws = iter([np.array([1.0, -1.0]), np.array([-3.0, 0.0]), np.array([2.0, 0.5])])
    assert spread(lambda: next(draws), np.zeros(2), 3).tolist() == [3.0, 1.0]


@pytest.mark.parametrize(("off", "near"), [(64, True), (68, False)])
def test_outputs_are_close_where_they_differ_by_roundings_of_float32(off: int, near: bool) -> None:
    """66 times 2**-24 of the value itself, whatever its sign; next to zero nothing."""
    for sign in (1, -1):
        theirs = np.array([2.0 * sign, 0.0])
        ours = theirs.astype(np.float32) * np.float32(1 + off * 2.0**-24)
        assert close(ours, theirs.astype(np.float32)) is near
    assert not close(np.array([1e-30], np.float32), np.zeros(1, np.float32))


def test_outputs_of_another_kind_are_close_where_they_are_equal() -> None:
    """Whole numbers, infinities and NaN; never those of another shape."""
    assert close(np.array([3, 4]), np.array([3, 4]))
    assert not close(np.array([3, 4]), np.array([3, 5]))
    odd = np.array([np.nan, np.inf, -np.inf], np.float32)
    assert close(odd, odd.copy())
    for other in (-odd, np.nan_to_num(odd)):
        assert not close(other, odd)
    assert not close(np.zeros((1, 2), np.float32), np.zeros(2, np.float32))
