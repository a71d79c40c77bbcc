"""One whole work: what counts as waited, and what those behind it are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qexplorer.process.places import turn as turns
from qexplorer.process.places.line import HAS_LOCKS, Line
from qexplorer.process.places.turn import Turn
from qexplorer.process.places.waiting import Waiting

pytestmark = pytest.mark.skipif(not HAS_LOCKS, reason="this system has no locks that end with their holder")


class Clock:
    """Seconds that go up when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """As the module has it."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In the place of the system's."""
    found = Clock()
    monkeypatch.setattr(turns, "time", found)
    return found


def _turn(clock: Clock, told: list[Waiting | None] | None = None, asked: int = 5) -> Turn:
    return Turn(asked, "load", None if told is None else told.append, began=clock.now)


def test_time_counts_as_waited_while_nothing_of_the_work_runs(clock: Clock) -> None:
    """Two pieces may wait at once, which counts once; one that waits beside one that runs does not count."""
    work = _turn(clock)
    work.begins_to_wait()
    clock.now += 3
    work.begins_to_wait()
    clock.now += 4
    work.begins_to_work()
    assert work.waited_s == pytest.approx(7)
    clock.now += 100
    work.ends()
    clock.now += 2
    work.begins_to_work()
    assert work.waited_s == pytest.approx(9)
    clock.now += 50
    work.ends()
    clock.now += 50
    assert work.waited_s == pytest.approx(9)
    assert work.since is None, "nobody waits"


def test_who_waits_is_told_once_a_second_and_only_news(clock: Clock, tmp_path: Path) -> None:
    """The place behind works that were asked for earlier; None when the work goes on; nothing while a piece runs."""
    line, told = Line(tmp_path, 1), []  # type: tuple[Line, list[Waiting | None]]
    first, work = _turn(clock, asked=1), _turn(clock, told, asked=2)
    ticket = line.join(first.number(line), alone=True)
    work.begins_to_wait()
    work.look(line)
    first.expect(30.0)
    clock.now += 0.5
    work.look(line)
    assert told == [Waiting(2)]
    clock.now += 1.5
    first.expect(20.04)
    work.look(line)
    work.look(line)
    clock.now += 1.5
    work.look(line)
    assert told == [Waiting(2), Waiting(2, 20.0)]
    work.begins_to_work()
    assert told[-1] is None
    clock.now += 10
    work.look(line)
    assert len(told) == 3
    ticket.close()
    for each in (first, work):
        each.end(well=False)
    assert list(tmp_path.glob("*.turn")) == []


def test_the_time_of_those_before_is_known_only_if_all_of_them_know(clock: Clock, tmp_path: Path) -> None:
    """It is their sum; with nobody before there is nothing to say."""
    line = Line(tmp_path, 1)
    works = [_turn(clock, [], asked=asked) for asked in (1, 2, 3)]
    tickets = [line.join(work.number(line), alone=False) for work in works]
    last = works[2]
    last.begins_to_wait()

    def seen() -> Waiting | None:
        clock.now += 2
        last.look(line)
        return last.waiting

    works[0].expect(10.0)
    assert seen() == Waiting(3)
    works[1].expect(5.0)
    assert seen() == Waiting(3, 15.0)
    tickets[0].close()
    assert seen() == Waiting(2, 5.0)
    tickets[1].close()
    assert seen() == Waiting(1)
    tickets[2].close()
    for work in works:
        work.end(well=False)


def test_what_a_work_took_foretells_the_next(clock: Clock, tmp_path: Path) -> None:
    """Without what it waited, and only if it ended well."""
    line = Line(tmp_path, 1)
    for well, took in ((False, None), (True, 12.0)):
        work = _turn(clock)
        work.number(line)
        work.begins_to_wait()
        clock.now += 30
        work.begins_to_work()
        clock.now += 12
        work.ends()
        work.end(well=well)
        assert line.took("load") == took
    again = _turn(clock)
    again.number(line)
    assert again.left_s == 12.0
    assert again.file is not None
    said: Any = again.file.path.read_text(encoding="utf-8")
    assert '"left_s": 12.0' in said
    again.end(well=False)
    told = _turn(clock)
    told.expect(3.0)
    told.number(line)
    assert told.left_s == 3.0, "what the work itself says goes first"
    told.expect(None)
    assert told.left_s == 3.0
    told.end(well=False)
