"""How the place in the line and the time until one's turn are said."""

from __future__ import annotations

import pytest

from qexplorer.process.places.waiting import Waiting, duration


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (1, "next"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (10, "10th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (14, "14th"),
        (21, "21st"),
        (22, "22nd"),
        (23, "23rd"),
        (101, "101st"),
        (111, "111th"),
        (113, "113th"),
    ],
)
def test_the_place_is_said_in_words(place: int, said: str) -> None:
    """As English counts; without a time as long as nobody knows it."""
    assert Waiting(place).sentence == f"waiting for the machine: {said} in line"
    assert Waiting(place, 40.0).sentence == f"waiting for the machine: {said} in line, about 40 s"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.6, "1 s"),
        (19.4, "19 s"),
        (20, "20 s"),
        (22, "20 s"),
        (23, "25 s"),
        (89, "90 s"),
        (90, "2 min"),
        (200.0, "3 min"),
        (600, "10 min"),
    ],
)
def test_a_time_is_no_finer_than_anybody_can_foretell(seconds: float, said: str) -> None:
    """Seconds up to 20, then every fifth, whole minutes from a minute and a half on."""
    assert duration(seconds) == said


def test_a_wait_is_never_said_to_be_nothing() -> None:
    """Who still waits is told of a second at least."""
    assert Waiting(1, 0.2).sentence.endswith(", about 1 s")
