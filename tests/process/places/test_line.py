"""The line itself in one process: who stands in whose way, and what the names of its files say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from qexplorer.process.places.line import HAS_LOCKS, Line, LockFile, Ticket, is_held

pytestmark = pytest.mark.skipif(not HAS_LOCKS, reason="this system has no locks that end with their holder")


@pytest.fixture
def held() -> Iterator[contextlib.ExitStack]:
    """Closes what a test has joined."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """An empty line of two places."""
    return Line(tmp_path, 2)


def _join(line: Line, held: contextlib.ExitStack, turn: int, *, alone: bool = False) -> LockFile:
    file = line.join(turn, alone=alone)
    held.callback(file.close)
    return file


def test_a_ticket_is_its_name() -> None:
    """Names are in the order of turns, then of numbers; other files are no tickets."""
    tickets = [
        Ticket(turn, number, runs, alone)
        for turn, number in ((9, 10), (10, 2), (10, 30))
        for runs, alone in ((False, True), (True, False))
    ]
    assert [Ticket.of(ticket.name) for ticket in tickets] == tickets
    names = [f"{ticket.turn}-{ticket.number}" for ticket in sorted(tickets, key=lambda ticket: ticket.name)]
    assert names == ["9-10", "9-10", "10-2", "10-2", "10-30", "10-30"]
    assert sorted(tickets)[0].turn == 9
    for name in ("lock", "took.json", "00012.turn", "1-2.", "1-2.wab", "1-x.wa", "x-2.wa", "-.wa"):
        assert Ticket.of(name) is None, name


def test_places_are_filled_in_order(line: Line, held: contextlib.ExitStack) -> None:
    """Who asked first goes first, whenever it joined; one more than there are places waits for all of them."""
    late, early, middle = (_join(line, held, turn) for turn in (30, 10, 20))
    assert len(line.admit(late)) == 2
    assert line.admit(early) == []
    assert line.admit(middle) == []
    assert line.admit(late) == [early.path, middle.path]
    assert line.somebody_waits()
    assert [Ticket.of(file.path.name).runs for file in (early, middle, late)] == [True, True, False]  # type: ignore[union-attr]


def test_who_works_alone_waits_for_one_after_the_other_and_holds_up_who_comes_later(
    line: Line, held: contextlib.ExitStack
) -> None:
    """A later one that wants to be alone holds up nobody who asked before it."""
    first, alone, last = _join(line, held, 10), _join(line, held, 20, alone=True), _join(line, held, 30)
    assert line.admit(first) == [], "what asked later and waits is in nobody's way"
    assert line.admit(alone) == [first.path]
    assert line.admit(last) == [alone.path], "though a place is free"
    other = _join(line, held, 15)
    assert line.admit(other) == []
    assert line.admit(alone) == [first.path]


def test_who_works_alone_is_in_the_way_of_who_asked_earlier(line: Line, held: contextlib.ExitStack) -> None:
    """Nobody is put out of a place."""
    alone = _join(line, held, 20, alone=True)
    assert line.admit(alone) == []
    early = _join(line, held, 10)
    assert line.admit(early) == [alone.path]
    assert not line.behind_waiting_alone(early, any_turn=True), "it works, and does not wait"


def test_long_work_makes_way_for_who_waits_to_be_alone(line: Line, held: contextlib.ExitStack) -> None:
    """For one who asked before it, or for any; it then stands right behind, and goes on after."""
    work, later = _join(line, held, 20), _join(line, held, 30, alone=True)
    assert line.admit(work) == []
    assert not line.behind_waiting_alone(work, any_turn=False)
    running = work.path
    assert line.behind_waiting_alone(work, any_turn=True)
    assert work.path != running
    assert line.admit(later) == []
    assert line.admit(work) == [later.path]
    assert not line.behind_waiting_alone(work, any_turn=True), "what works alone waits no more"
    found = Ticket.of(work.path.name)
    assert found is not None
    assert (found.turn, found.runs, found.alone) == (30, False, False)


def test_turns_before_are_those_at_work_or_waiting(line: Line, held: contextlib.ExitStack) -> None:
    """In order, with what each says; not the turn itself, nor a later one, nor one without a ticket."""
    turns = {number: line.open_turn(number) for number in (5, 10, 20, 30)}
    for number, turn in turns.items():
        held.callback(turn.close)
        turn.write({"left_s": number})
    for number in (20, 10, 30):
        _join(line, held, number)
    assert [said["left_s"] for said in line.turns_before(30)] == [10, 20]
    assert line.turns_before(10) == []
    taken = line.open_turn(10)
    held.callback(taken.close)
    assert taken.path.name == f"{11:020d}.turn", "the next number that is free"


def test_what_the_dead_left_is_swept_away(line: Line, held: contextlib.ExitStack) -> None:
    """Tickets and turns that nobody holds; until then they are in nobody's way."""
    alive = _join(line, held, 20)
    turn = line.open_turn(20)
    held.callback(turn.close)
    dead = [
        line.folder / name for name in (Ticket(1, 1, True, True).name, f"{1:020d}.turn", Ticket(1, 2, False, True).name)
    ]
    for path in dead:
        path.write_text("{}", encoding="utf-8")
    assert not is_held(dead[0])
    assert line.turns_before(20) == []
    assert not line.behind_waiting_alone(alive, any_turn=True)
    line.sweep()
    assert not any(path.exists() for path in dead)
    assert is_held(alive.path)
    assert is_held(turn.path)
    assert line.admit(alive) == []


def test_how_long_a_work_took_is_kept_by_its_name(line: Line) -> None:
    """To a tenth of a second; what cannot be read is as if it had never been noted."""
    assert line.took("load") is None
    line.note_took("load", 1.26)
    line.note_took("train", 100.0)
    line.note_took("load", 2.34)
    assert (line.took("load"), line.took("train"), line.took("other")) == (2.3, 100.0, None)
    (line.folder / "took.json").write_text('{"load": "long"}', encoding="utf-8")
    assert line.took("load") is None
    (line.folder / "took.json").write_text("[", encoding="utf-8")
    assert line.took("load") is None
    line.note_took("load", 3.0)
    assert line.took("load") == 3.0
