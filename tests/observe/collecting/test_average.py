"""The moving average of ranges."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.observe.collecting.average import MOMENTUM, MovingRange

ranges = st.lists(st.tuples(st.floats(-1e3, 0), st.floats(0, 1e3)), min_size=1, max_size=40)


def _of(pairs: list[tuple[float, float]]) -> MovingRange:
    low, high = np.array(pairs).T
    return MovingRange.of(low, high)


@given(ranges)
def test_the_average_follows_its_recursion(pairs: Any) -> None:
    """It starts at the first range and moves by a hundredth of the way to each further one."""
    low, high = pairs[0]
    for a, b in pairs[1:]:
        low, high = low + MOMENTUM * (a - low), high + MOMENTUM * (b - high)
    found = _of(pairs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@given(ranges, st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_any_cut_into_pieces_gives_the_same_average(pairs: Any, cuts: Any) -> None:
    """Averages of consecutive pieces are the average of one pass, whichever neighbours are joined first."""
    pieces, at = list[MovingRange](), 0
    for cut in [*cuts, len(pairs)]:
        pieces += [_of(pairs[at : at + cut])] if pairs[at : at + cut] else []
        at += cut
    whole = _of(pairs)
    for joined in (reduce(MovingRange.then, pieces), reduce(lambda late, early: early.then(late), pieces[::-1])):
        assert (joined.count, joined.first_low, joined.first_high) == (len(pairs), *pairs[0])
        assert (joined.low, joined.high) == pytest.approx((whole.low, whole.high), abs=1e-9)


def test_samples_without_a_finite_value_are_left_out() -> None:
    """A reversed range, as a sample of NaN leaves it, changes nothing."""
    found = MovingRange.of(np.array([np.inf, -1.0]), np.array([-np.inf, 2.0]))
    assert (found.count, found.low, found.high) == (1, -1.0, 2.0)
