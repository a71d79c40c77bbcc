"""What a waiting person is told."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.measure.comparison import Progress
from qexplorer.measure.pace import progress as module
from qexplorer.measure.pace.progress import Board
from qexplorer.process.places.waiting import Waiting


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


@pytest.mark.parametrize(
    ("share", "spent", "left"),
    [
        (0.05, 9.0, 10.0),  # nothing is known of the pace yet
        (0.05, 10.0, None),  # and the plan was wrong
        (0.07, 7.0, 93.0),  # ten times as long as planned
        (0.5, 1.0, 2.5),  # never more than twice as quick
        (0.5, 5.0, 5.0),
    ],
)
def test_what_is_left_follows_the_pace_of_what_was_done(
    share: float, spent: float, left: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 10 s that were planned, once more than a twentieth is done."""
    now, told = [0.0], list[Progress]()
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    board = Board(told.append, None)
    board.plan("only", 10.0)
    board.advance("only", share)
    now[0] = spent
    board.tell("going")
    assert told[0].seconds_left == (None if left is None else pytest.approx(left))


def test_a_step_that_takes_longer_begins_anew_and_never_becomes_shorter() -> None:
    """Of 4 s half were done, of 12 nothing; less than what is planned corrects nothing but what is done."""
    told: list[Progress] = []
    board = Board(told.append, None)
    board.plan("first", 4.0)
    board.plan("other", 8.0)
    for seconds, share in ((12.0, 0.5), (1.0, 0.75), (0.0, 1.0)):
        board.expect_at_least("first", seconds)
        board.tell("corrected")
        board.advance("first", share)
        board.tell("going")
    board.expect_at_least("new", 20.0)
    board.advance("new", 0.25)
    board.advance("new", 0.125)
    board.advance("other", 1.0)
    board.advance("first", 1.0)
    board.tell("more")
    assert [item.done for item in told] == [0.0, 0.3, 0.3, 0.45, 0.45, 0.6, 0.625]


def test_before_anything_is_planned_nothing_is_done() -> None:
    """A plan of no steps is no division by zero."""
    told: list[Progress] = []
    Board(told.append, None).tell("starting")
    assert (told[0].done, told[0].step) == (0.0, "starting")


def test_runs_stay_until_there_are_others_and_the_line_speaks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words alone do not take away what was known, and while nothing runs the words are of the line."""
    told: list[Progress] = []
    board, runs = Board(told.append, None), ("a", "b")
    board.tell("first", runs)  # type: ignore[arg-type]
    board.tell("second")
    waiting = Waiting(3, 40.0)
    monkeypatch.setattr(module, "waiting_now", lambda: waiting)
    board.tell("third", ())
    assert [item.runs for item in told] == [runs, runs, ()]
    assert [item.step for item in told] == ["first", "second", waiting.sentence]
