"""Taking places of the machine: ``beside`` others, as many as there are processors, or ``alone``.

Timing is done alone, everything else that computes for long beside. There is one line for all processes of a person on
a machine, whatever their workspaces, in the order in which whole works (jobs, commands) were asked for: a work that
has begun goes on before others, and its place in the line never gets worse.

- Timing waits until the pieces that run have ended; no piece of a later work begins meanwhile, so it does not starve.
- A long piece makes way between two of its steps (:func:`give_way`): at once for the timing of an earlier work, after
  ten seconds for that of a later one. Then it goes on, so it does not starve either.
- A page that opens a file does not wait for this line but for one of its own (:func:`opening`), in which nobody is
  alone: a person looks at the page meanwhile.

A place is held by the process that waits for the child which does the work. Inside a place, further ones are free.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.errors import Cancelled
from qexplorer.process.places.homes import forget_lines, line_called
from qexplorer.process.places.line import Line, LockFile, is_held
from qexplorer.process.places.turn import Cancel, Turn
from qexplorer.process.places.waiting import Waiting

__all__ = [
    "alone",
    "asked_ns",
    "beside",
    "expect",
    "give_way",
    "holds_place",
    "opening",
    "somebody_waits",
    "turn",
    "waited_s",
    "waiting_now",
]

_POLL_S, _CHECK_S = 0.1, 2.0
_MAKES_WAY_S = 10.0  # that a piece works before it makes way for the timing of a later work


@dataclass(slots=True, eq=False)
class _Held:
    """A place that this context holds."""

    line: Line
    turn: Turn
    ticket: LockFile
    cancelled: Cancel
    alone: bool
    since: float


_TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)
_HELD: ContextVar[dict[str, _Held]] = ContextVar("held")  # by the line's name


@contextlib.contextmanager
def turn(
    on_wait: Callable[[Waiting | None], None] | None = None,
    *,
    what: str = "",
    cancelled: Cancel = None,
    asked_ns: int | None = None,
    anew: bool = False,
) -> Iterator[None]:
    """Makes what is done inside one work, whose pieces go in the order in which works were asked for.

    Inside another turn nothing changes. Threads have it if they run in a copy of this context.

    Args:
        on_wait: told when the place in the line changes, and None when the work goes on; from any thread.
        what: name of its kind: what one took foretells the next.
        cancelled: asked while any piece of it waits.
        asked_ns: when it was asked for, by ``time.monotonic_ns``; None: now.
        anew: a turn of its own also inside another one, of which it takes ``on_wait`` and ``cancelled``.
    """
    outer = _TURN.get()
    if outer is not None and not anew:
        yield
        return
    new = Turn(
        time.monotonic_ns() if asked_ns is None else asked_ns,
        what or (outer.what if outer else ""),
        on_wait or (outer.on_wait if outer else None),
        cancelled or (outer.cancelled if outer else None),
    )
    token = _TURN.set(new)
    well = False
    try:
        yield
        well = bool(what)
    finally:
        _TURN.reset(token)
        new.end(well=well)


@contextlib.contextmanager
def beside(cancelled: Cancel = None) -> Iterator[None]:
    """Holds one of as many places as there are processors, once there is one.

    Args:
        cancelled: asked while it waits.

    Raises:
        Cancelled: ``cancelled()`` became true.
    """
    with _place("machine", cancelled, alone=False):
        yield


@contextlib.contextmanager
def alone(cancelled: Cancel = None) -> Iterator[None]:
    """Holds all places, once everything that runs has ended.

    Args:
        cancelled: asked while it waits.

    Raises:
        Cancelled: ``cancelled()`` became true.
    """
    with _place("machine", cancelled, alone=True):
        yield


@contextlib.contextmanager
def opening() -> Iterator[None]:
    """Holds one of the places for opening files, which stand in a line of their own."""
    with turn(anew=True), _place("opening", None, alone=False):
        yield


def give_way() -> None:
    """Between two steps of long work beside others: lets a timing go first that waits (see above).

    Raises:
        Cancelled: somebody cancelled while it waited.
    """
    held = _HELD.get({}).get("machine")
    if held is None or held.alone:
        return
    long = time.monotonic() - held.since > _MAKES_WAY_S
    with contextlib.suppress(OSError):
        if held.line.behind_waiting_alone(held.ticket, any_turn=long):
            held.turn.ends()
            try:
                _wait(held.line, held.turn, held.ticket, held.cancelled)
            finally:
                held.since = time.monotonic()


def expect(seconds_left: float | None) -> None:
    """Says how long this work will still take, for those behind it to know."""
    now = _TURN.get()
    if now is not None:
        with contextlib.suppress(OSError):
            now.expect(seconds_left)


def asked_ns() -> int | None:
    """When this work was asked for, by ``time.monotonic_ns``; None outside of any turn."""
    now = _TURN.get()
    return None if now is None else now.asked_ns


def holds_place() -> bool:
    """Whether this context holds a place of the machine, for which a child of its own would wait in vain."""
    return "machine" in _HELD.get({})


def waiting_now() -> Waiting | None:
    """Where this work stands in the line; None while a piece of it runs, or outside of any turn."""
    now = _TURN.get()
    return None if now is None else now.waiting


def waited_s() -> float:
    """Seconds that this work has waited in the line so far, with nothing of it running."""
    now = _TURN.get()
    if now is None:
        return 0.0
    with now.lock:
        return now.waited_s + (0.0 if now.since is None else time.monotonic() - now.since)


def somebody_waits() -> bool:
    """Whether anybody waits for the machine now."""
    line = line_called("machine")
    return line is not None and line.somebody_waits()


@contextlib.contextmanager
def _place(name: str, cancelled: Cancel, *, alone: bool) -> Iterator[None]:
    outer = _HELD.get({})
    if name in outer:
        assert outer[name].alone or not alone, "who works beside others cannot wait to be alone"
        yield
        return
    with turn():
        own = _TURN.get()
        assert own is not None
        joined = _join(name, own, alone=alone)
        if joined is None:
            yield
            return
        line, ticket = joined
        held = _Held(line, own, ticket, cancelled, alone, time.monotonic())
        try:
            _wait(line, own, ticket, cancelled)
            held.since = time.monotonic()
            token = _HELD.set({**outer, name: held})
            try:
                yield
            finally:
                _HELD.reset(token)
        finally:
            own.ends()
            ticket.close()


def _join(name: str, own: Turn, *, alone: bool) -> tuple[Line, LockFile] | None:
    """The line and a ticket in it; None where there is no line, or its disk is full: then nobody waits."""
    for _ in range(2):
        line = line_called(name)
        if line is None:
            return None
        try:
            return line, line.join(own.number(line), alone=alone)
        except OSError:
            forget_lines()  # somebody may have tidied up the folder
    return None


def _wait(line: Line, own: Turn, ticket: LockFile, cancelled: Cancel) -> None:
    """Returns when the ticket may go; counts as a piece of the work from here on."""
    own.begins_to_wait()
    try:
        before, checked = _admit(line, ticket), time.monotonic()
        while before:
            if any(asked is not None and asked() for asked in (cancelled, own.cancelled)):
                raise Cancelled("the work was cancelled")
            own.look(line)
            time.sleep(_POLL_S)
            if time.monotonic() - checked > _CHECK_S or not all(map(is_held, before)):
                before, checked = _admit(line, ticket), time.monotonic()
    finally:
        own.begins_to_work()


def _admit(line: Line, ticket: LockFile) -> list[Path]:
    """As ``line.admit``; nobody is in the way once the folder is gone, in which one would wait for ever."""
    try:
        return line.admit(ticket)
    except OSError:
        return []
