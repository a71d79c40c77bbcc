"""What a waiting person is told."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.measure.comparison import Progress
from qexplorer.measure.pace import progress as module
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


def test_waiting_for_the_machine_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of 10 s was done in 5 s of work and 100 s in the line: 5 s are left."""
    now, waited, told = [1000.0], [30.0], list[Progress]()
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "waited_s", lambda: waited[0])
    board = Board(told.append, None)
    board.plan("only", 10.0)
    board.advance("only", 0.5)
    now[0], waited[0] = 1105.0, 130.0
    board.tell("half")
    assert told[-1].seconds_left == pytest.approx(5.0)
