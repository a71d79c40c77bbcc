"""Names of points: on nothing else that is drawn, at every width."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.report.comparison_charts.labels import HEIGHT, LabelPlace, Marked, places_of

Box = tuple[float, float, float, float]


def crowd(count: int) -> list[Marked]:
    """Points with intervals both ways, most of them in one corner, as small models on a busy machine have them."""
    rng = np.random.default_rng(3)
    xs, ys = 0.04 + 0.3 * rng.random(count) ** 2, 0.6 + 0.2 * rng.random(count)
    return [
        Marked(f"w{i}a8-b32", float(x), float(y), (float(x) - 0.02, float(x) + 0.05), (float(y) - 0.3, float(y) + 0.1))
        for i, (x, y) in enumerate(zip(xs, ys, strict=True))
    ]


def box(place: LabelPlace, text: str, width: float) -> Box:
    """Where a name is drawn in a plot of this width: left, top, right, bottom in pixels."""
    x, y, wide = width * place.x, HEIGHT * (1 - place.y), 6.6 * len(text)
    left = x if place.align == "left" else x - wide
    return left, y - 6, left + wide, y + 6


def touch(a: Box, b: Box) -> bool:
    """Whether two boxes lie over each other."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("width", [225.0, 400.0, 1200.0])
@pytest.mark.parametrize("count", [3, 12, 14])
def test_names_lie_on_nothing(count: int, width: float) -> None:
    """No name touches another one, a point or an interval, in a plot of any width; most find a place."""
    points = crowd(count)
    placed = [(p, box(place, p.text, width)) for p, place in zip(points, places_of(points), strict=True) if place]
    assert len(placed) >= min(count, 10)
    for i, (_, one) in enumerate(placed):
        assert one[0] >= 0
        assert one[2] <= width
        assert not any(touch(one, other) for _, other in placed[i + 1 :])
        for point in points:
            assert point.x_ends is not None
            assert point.y_ends is not None
            x, y = width * point.x, HEIGHT * (1 - point.y)
            assert not touch(one, (x - 5, y - 5, x + 5, y + 5))
            assert not touch(one, (width * point.x_ends[0], y, width * point.x_ends[1], y + 0.1))
            assert not touch(one, (x, HEIGHT * (1 - point.y_ends[1]), x + 0.1, HEIGHT * (1 - point.y_ends[0])))


def test_a_name_that_stands_apart_has_a_line() -> None:
    """Beside its point a name needs none."""
    alone = places_of([Marked("w8a8", 0.5, 0.5)])[0]
    assert alone is not None
    assert not alone.led
    assert any(place.led for place in places_of(crowd(12)) if place)


def test_no_name_no_place() -> None:
    """A point without a name takes no room."""
    assert places_of([Marked("", 0.5, 0.5)]) == [None]
