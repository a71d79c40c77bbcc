"""Points on two objectives, both to be small: which are not dominated, and how much of a rectangle they dominate."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["front_of", "hypervolume"]

Point = tuple[float, float]


def front_of(points: Sequence[Point]) -> list[int]:
    """Positions of the points that no other dominates, by their first coordinate; of equal ones the first."""
    order = sorted(range(len(points)), key=lambda at: (points[at], at))
    kept: list[int] = []
    least = float("inf")
    for at in order:
        if points[at][1] < least:
            kept.append(at)
            least = points[at][1]
    return kept


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that the points dominate up to ``reference`` (Zitzler and Thiele 1998, section 3)."""
    inside = [point for point in points if point[0] < reference[0] and point[1] < reference[1]]
    area, last = 0.0, reference[1]
    for at in front_of(inside):
        x, y = inside[at]
        area += (reference[0] - x) * (last - y)
        last = y
    return area
