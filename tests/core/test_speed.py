"""What may be said of a difference in speed."""

from __future__ import annotations

import pytest

from qexplorer.core.speed import MUCH, Change, Speedup

BUSY, SEEN = "on a busy machine", "no difference in speed that could be seen"


@pytest.mark.parametrize(
    ("speedup", "change", "shown", "text"),
    [
        (Speedup(2.0, (1.9, 2.1)), Change.BETTER, 2.0, "2.00 times faster (1.90 to 2.10)"),
        (Speedup(0.5, (0.4, 0.625)), Change.WORSE, 0.5, "2.00 times slower (1.60 to 2.50)"),
        (Speedup(1.6, (1.3, 2.1), BUSY), Change.BETTER, 1.6, f"1.3 to 2.1 times faster, {BUSY}"),
        (Speedup(1.8, (1.5, 2.0), BUSY), Change.BETTER, 1.8, f"1.5 to 2.0 times faster, {BUSY}"),
        (Speedup(150.0, (99.0, 234.0), BUSY), Change.BETTER, 150.0, f"99 to 234 times faster, {BUSY}"),
        (Speedup(2.1, (2.08, 2.12), BUSY), Change.BETTER, 2.1, f"2.08 to 2.12 times faster, {BUSY}"),
        (Speedup(1.01, (0.99, 1.03)), Change.NONE, 1.01, f"{SEEN}, 0.99 to 1.03 times as fast"),
        (Speedup(1.6, (0.9 / MUCH, 3.0), BUSY), Change.NONE, None, f"{SEEN}, 0.72 to 3.00 times as fast, {BUSY}"),
        (Speedup(1.4, (0.99, 3.0)), Change.NONE, 1.4, f"{SEEN}, 0.99 to 3.00 times as fast"),
        (Speedup(2.0, None), Change.UNKNOWN, None, ""),
        (Speedup(None, None), Change.UNKNOWN, None, ""),
    ],
)
def test_what_is_said(speedup: Speedup, change: Change, shown: float | None, text: str) -> None:
    """A sure difference is told with its interval; a ratio between much slower and much faster is not told at all."""
    assert (speedup.change, speedup.shown, speedup.text()) == (change, shown, text)


def test_one_is_over_another_only_where_intervals_part() -> None:
    """Of two against the same third the faster is told only where their intervals share nothing."""
    quick, slow = Speedup(2.0, (1.8, 2.2)), Speedup(1.7, (1.6, 1.79))
    assert quick.over(slow)
    assert not slow.over(quick)
    assert not quick.over(Speedup(1.9, (1.7, 1.9)))
    assert not quick.over(Speedup(1.0, None))
    assert slow.turned().ratio == pytest.approx(1 / 1.7)


@pytest.mark.parametrize(
    ("ends", "told"),
    [((1.31, 2.14), "1.3 to 2.1"), ((1.96, 2.04), "1.96 to 2.04"), ((2.001, 2.004), "2.00")],
)
def test_the_ends_of_a_range_are_told_apart(ends: tuple[float, float], told: str) -> None:
    """A narrow range on a busy machine has the digits that it takes, or is one number."""
    assert Speedup(2.0, ends, "on a busy machine").text() == f"{told} times faster, on a busy machine"


@pytest.mark.parametrize(
    ("ends", "change"),
    [
        ((1.001, 1.2), Change.BETTER),
        ((0.999, 1.2), Change.NONE),
        ((0.8, 1.001), Change.NONE),
        ((0.8, 0.999), Change.WORSE),
    ],
)
def test_an_interval_that_holds_one_by_a_hair_tells_no_difference(ends: tuple[float, float], change: Change) -> None:
    """Faster and slower are said only where the whole interval is on one side."""
    assert Speedup(1.0, ends).change is change


def test_what_it_is_faster_than_is_said_whatever_the_load() -> None:
    """Beside the ends of the interval on a busy machine too."""
    assert Speedup(2.0, (1.9, 2.1)).text("than float") == "2.00 times faster than float (1.90 to 2.10)"
    assert Speedup(1.6, (1.3, 2.1), BUSY).text("than float") == f"1.3 to 2.1 times faster than float, {BUSY}"
