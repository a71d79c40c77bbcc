"""Axes as ONNX counts them: from the front or, below zero, from the back; any other is an error and none is wrapped."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["axis_of", "distinct_axes"]


def axis_of(axis: int, rank: int) -> int:
    """``axis`` counted from the front; a scalar counts as one long.

    Raises:
        ValueError: it lies outside ``-rank`` to ``rank - 1``.
    """
    known = max(rank, 1)
    if not -known <= axis < known:
        raise ValueError(f"axis {axis} does not lie in {-known} to {known - 1}")
    return axis % known


def distinct_axes(axes: Iterable[int], rank: int) -> list[int]:
    """``axes`` counted from the front, as given. ValueError: one lies outside, or one is named twice."""
    found = [axis_of(axis, rank) for axis in axes]
    if len(set(found)) < len(found):
        raise ValueError("an axis is named twice")
    return found
