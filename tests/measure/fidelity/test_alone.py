"""Of every piece that was looked at, those that are told."""

from __future__ import annotations

from qexplorer.measure.fidelity.alone import Observation, PointDifference, summary


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
