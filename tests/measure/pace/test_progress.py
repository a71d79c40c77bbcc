"""What a waiting person is told."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.measure.comparison import Progress
from qexplorer.measure.pace.progress import Board


def test_shares_are_weighed_by_the_seconds_expected() -> None:
    """Half of a step of 3 s beside one of 1 s is 3/8 of the whole, and it never falls when steps are added."""
    told: list[Progress] = []
    board = Board(told.append, None)
    board.plan("long", 3.0)
    board.plan("short", 1.0)
    board.tell("starting")
    board.advance("long", 0.5)
    board.tell("going")
    board.plan("more", 100.0)
    board.tell("still going")
    assert [item.done for item in told] == [0.0, 0.375, 0.375]
    assert told[0].seconds_left == 4.0
    assert all(item.seconds_left is None or item.seconds_left >= 0 for item in told)


def test_a_finished_plan_has_no_seconds_left() -> None:
    """When every step is done, done is 1 and nothing is left; an unplanned step changes nothing."""
    told: list[Progress] = []
    board = Board(told.append, None)
    board.plan("only", 2.0)
    board.advance("only", 7.0)
    board.advance("unknown", 0.1)
    board.tell("done")
    assert (told[0].done, told[0].seconds_left) == (1.0, 0.0)


def test_cancelling_is_noticed_at_every_report() -> None:
    """With nobody listening, too."""
    with pytest.raises(Cancelled):
        Board(None, lambda: True).tell("anything")
