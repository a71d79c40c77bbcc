"""Of every piece that was looked at, those that are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.measure.fidelity.alone import LEANS, STRAYS, EndDifference, Observation, PointDifference, summary


def _point(layer: str, steps: float, alone: float, allowed: int = 1) -> PointDifference:
    return PointDifference(f"{layer}/y", layer, "Conv", steps, 0.1, 0.0, alone, 0.1, allowed)


def test_codes_part_at_a_step_and_grow_beyond_it() -> None:
    """The first layer with a difference and the first with more than a step are two; the first wrong one is blamed."""
    points = (_point("a", 0, 0), _point("b", 1, 1), _point("c", 2, 2, 2), _point("d", 5, 3), _point("e", 9, 8))
    found = summary(Observation(points, 6, 8, conclusive=True, disturbed=False))
    assert (found.parts, found.grows) == ("b", "c")
    assert (found.layer, found.tensor, found.worst_steps, found.allowed) == ("d", "d/y", 3, 1)
    assert (found.points, found.blind, found.last) == (5, 1, "e")
    assert not found.right


def test_where_none_is_wrong_the_worst_is_told() -> None:
    """The one nearest to what it may be off by, so that two steps of two go before one of one and one of three."""
    points = (_point("a", 1, 1), _point("b", 2, 2, 2), _point("c", 2, 1, 3))
    found = summary(Observation(points, 3, 8, conclusive=True, disturbed=False))
    assert (found.layer, found.worst_steps, found.right) == ("b", 2, True)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, False),
        ({"alone_steps": 2.0}, True),
        ({"alone_steps": 2.0, "allowed": 2}, False),
        ({"leans": LEANS}, False),
        ({"leans": LEANS + 0.01}, True),
        ({"strays": STRAYS}, False),
        ({"strays": STRAYS + 0.01}, True),
    ],
)
def test_a_point_is_wrong_beyond_what_it_may_be_off_by(changes: dict[str, Any], *, wrong: bool) -> None:
    """In steps, to one side, or to both; the summary of it alone says the same."""
    point = replace(_point("a", 1, 1), **changes)
    assert point.wrong is wrong
    assert point.crooked is (wrong and point.alone_steps <= point.allowed)
    found = summary(Observation((point,), 1, 8, conclusive=True, disturbed=False))
    assert (found.point_wrong, found.right) == (wrong, not wrong)
    assert (found.leans, found.strays, found.allowed) == (point.leans, point.strays, point.allowed)


@pytest.mark.parametrize(("times", "wrong"), [(0.0, False), (1.0, False), (1.01, True)])
def test_an_output_is_wrong_beyond_what_float_arithmetic_explains(times: float, *, wrong: bool) -> None:
    """The worst of several is told, with how many there are."""
    ends = tuple(EndDifference(name, "head", "Gemm", 0.1, each) for name, each in (("x", 0.0), ("y", times)))
    assert [end.wrong for end in ends] == [False, wrong]
    found = summary(Observation((), 2, 8, conclusive=True, disturbed=False, ends=ends, sizes=(1, 8)))
    assert (found.ends, found.end_times, found.end_wrong, found.right) == (2, times, wrong, not wrong)
    assert (found.blind, found.points, found.sizes, found.layer) == (2, 0, (1, 8), "")
    assert not times or found.end == "y"


def test_nothing_is_right_that_was_not_seen() -> None:
    """Neither where what was seen proves nothing, nor where nothing was."""
    seen = Observation((_point("a", 0, 0),), 1, 8, conclusive=True, disturbed=False)
    assert summary(seen).right
    assert not summary(replace(seen, conclusive=False)).right
    nothing = summary(replace(seen, found=()))
    assert (nothing.right, nothing.worst_steps, nothing.allowed, nothing.end, nothing.last) == (False, 0.0, 1, "", "")
