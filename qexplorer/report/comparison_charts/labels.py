"""Where the names of points may stand: on no point, no interval and no other name, with a thin line to the point.

Places are shares of the plot, found for its smallest width. They hold for every wider one: a name keeps its width in
pixels while everything else moves apart, and each hangs on by its end that is nearer to its point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "LabelPlace", "Marked", "places_of"]

WIDTH, HEIGHT = 225.0, 220.0
"""Pixels of the narrowest plot, without axes."""
_LETTER, _LINE = 7.0, 14.0  # pixels of a letter of a name, about, and of its line
_DOT, _STROKE = 7.0, 3.0  # pixels around a point's middle, and around an interval, that stay free
_NEAR = 20.0  # pixels within which a name needs no line to its point
_RINGS = (11.0, 16.0, 24.0, 34.0, 46.0, 60.0, 76.0, 95.0, 120.0, 150.0, 180.0)
_ANGLES = tuple(math.radians(a) for a in (-90, -60, -30, 0, 30, 60, 90, -120, -150, 180, 150, 120, -45, 45, -135, 135))

Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Marked:
    """A point with its name: where it is, and the ends of its intervals, as shares of the plot from its lower left."""

    text: str
    x: float
    y: float
    x_ends: tuple[float, float] | None = None
    y_ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """Where a name hangs: its ``align`` end at ``x``, its middle at ``y``; ``led`` says whether a line leads to it."""

    x: float
    y: float
    align: str
    led: bool


def places_of(points: Sequence[Marked]) -> list[LabelPlace | None]:
    """A place for each name, nearest first; None where there is none free, or no name."""
    fixed = [box for point in points for box in _drawn(point)]
    labels: list[tuple[float, float, float, float]] = []
    leads: list[tuple[float, float, float, float]] = []
    found: list[LabelPlace | None] = []
    for point in points:
        place = _free(point, fixed + leads, labels) if point.text else None
        if place is not None:
            labels.append(_box(place, point.text))
            leads += _lead(point, place) if place.led else []
        found.append(place)
    return found


def _drawn(point: Marked) -> list[tuple[float, float, float, float]]:
    """Boxes (left, top, right, bottom) of the dot and of its intervals, in pixels."""
    x, y = _pixels(point.x, point.y)
    boxes = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT)]
    if point.x_ends is not None:
        boxes.append((WIDTH * point.x_ends[0], y - _STROKE, WIDTH * point.x_ends[1], y + _STROKE))
    if point.y_ends is not None:
        low, high = (HEIGHT * (1 - end) for end in point.y_ends)
        boxes.append((x - _STROKE, high, x + _STROKE, low))
    return boxes


def _free(
    point: Marked, obstacles: list[tuple[float, float, float, float]], labels: list[tuple[float, float, float, float]]
) -> LabelPlace | None:
    x, y = _pixels(point.x, point.y)
    taken, written = _array(obstacles + labels), _array(labels)
    for ring in _RINGS:
        for angle in _ANGLES:
            right = math.cos(angle) > -0.01
            at = (x + ring * math.cos(angle), y + ring * math.sin(angle))
            place = LabelPlace(at[0] / WIDTH, 1 - at[1] / HEIGHT, "left" if right else "right", ring > _NEAR)
            box = _box(place, point.text)
            if box[0] < 0 or box[2] > WIDTH or box[1] < 0 or box[3] > HEIGHT or _touches(box, taken):
                continue
            if not place.led or not any(_touches(part, written) for part in _lead(point, place)):
                return place
    return None


def _box(place: LabelPlace, text: str) -> tuple[float, float, float, float]:
    x, y = _pixels(place.x, place.y)
    width = _LETTER * len(text) + 4
    left = x if place.align == "left" else x - width
    return left, y - _LINE / 2, left + width, y + _LINE / 2


def _lead(point: Marked, place: LabelPlace) -> list[tuple[float, float, float, float]]:
    """Small boxes along the line from the point to its name, without its ends."""
    (x, y), (u, v) = _pixels(point.x, point.y), _pixels(place.x, place.y)
    shares = np.linspace(0.15, 0.92, 12)
    return [(x + s * (u - x) - 1, y + s * (v - y) - 1, x + s * (u - x) + 1, y + s * (v - y) + 1) for s in shares]


def _pixels(x: float, y: float) -> tuple[float, float]:
    return WIDTH * x, HEIGHT * (1 - y)


def _array(boxes: list[tuple[float, float, float, float]]) -> Boxes:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def _touches(box: tuple[float, float, float, float], others: Boxes) -> bool:
    left, top, right, bottom = box
    across = (others[:, 0] < right) & (others[:, 2] > left)
    return bool((across & (others[:, 1] < bottom) & (others[:, 3] > top)).any())
