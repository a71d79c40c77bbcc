"""The line itself: lock files in one folder. Whoever dies leaves it at once, because the kernel lets go of their locks.

A ticket is a file that its holder keeps locked from joining to leaving; one that nobody holds locked is dead, and is
swept away. Its name says all that others must know: ``<turn>-<number>.<state>``, where the turn is when the whole work
(a job, a command) was asked for, the number when this piece of it joined, and the state two letters: waiting or
running, alone or beside others. Names are compared in order, so that who asked first goes first. A ticket is given,
and let in, under one lock, so no two of all processes ever decide at the same time.

Beside the tickets lies a file for each turn, locked as long as it lasts, with the seconds that it will still take.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["HAS_LOCKS", "Line", "LockFile", "Ticket", "is_held"]

HAS_LOCKS = fcntl is not None
"""Whether this system has locks that end with their holder; without them nobody waits."""

WAITS, RUNS, ALONE, BESIDE = "w", "r", "a", "b"
_LOCK, _TOOK, _TURN = "lock", "took.json", ".turn"


class LockFile:
    """A file that this process keeps locked until it is closed, which removes it.

    Raises:
        FileExistsError: there is one of that name.
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)  # at once, but for somebody who looks whether it is held
        self.write({})

    def write(self, value: dict[str, Any]) -> None:
        """Puts ``value`` in the place of what it says of its holder."""
        text = json.dumps({"pid": os.getpid(), **value}).encode()
        os.pwrite(self._fd, text, 0)
        os.truncate(self._fd, len(text))

    def rename(self, name: str) -> None:
        """Gives it another name, still locked."""
        self.path = self.path.rename(self.path.with_name(name))

    def close(self) -> None:
        """Removes it and lets go of the lock."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)


@dataclass(frozen=True, slots=True, order=True)
class Ticket:
    """What the name of a ticket says."""

    turn: int
    number: int
    runs: bool
    alone: bool

    @property
    def name(self) -> str:
        """Its file's name."""
        state = (RUNS if self.runs else WAITS) + (ALONE if self.alone else BESIDE)
        return f"{self.turn:020d}-{self.number:020d}.{state}"

    @classmethod
    def of(cls, name: str) -> Ticket | None:
        """The ticket of this name; None for other files."""
        stem, _, state = name.partition(".")
        turn, _, number = stem.partition("-")
        if len(state) != 2 or not turn.isdigit() or not number.isdigit():
            return None
        return cls(int(turn), int(number), state[0] == RUNS, state[1] == ALONE)


class Line:
    """A line in a folder.

    Args:
        folder: which must exist, on a disk of this machine.
        places: how many may work beside each other.
    """

    def __init__(self, folder: Path, places: int) -> None:
        self.folder, self.places = folder, places

    def open_turn(self, number: int) -> LockFile:
        """The file of a new turn, ``number`` nanoseconds after this machine's start or the next that is free."""
        return self._new(lambda n: f"{n:020d}{_TURN}", number)

    def join(self, turn: int, *, alone: bool) -> LockFile:
        """A waiting ticket behind all others of this turn."""
        with self._locked():
            return self._new(lambda n: Ticket(turn, n, False, alone).name, time.monotonic_ns())

    def admit(self, file: LockFile) -> list[Path]:
        """Lets a waiting ticket in if it may go; else returns those of whom one must change before it may."""
        with self._locked():
            own = _ticket(file)
            others = [ticket for ticket in self._tickets() if ticket.name != own.name]
            before = _in_the_way(own, others, self.places)
            if not before:
                file.rename(Ticket(own.turn, own.number, True, own.alone).name)
            return [self.folder / ticket.name for ticket in before]

    def behind_waiting_alone(self, file: LockFile, *, any_turn: bool) -> bool:
        """Puts a running ticket back into the line, right behind one that waits to be alone; False if there is none.

        Args:
            file: the ticket.
            any_turn: also behind one who asked later than this work was asked for.
        """
        own = _ticket(file)
        if not any(self._waits_alone(own, Ticket.of(name), any_turn=any_turn) for name in self._names()):
            return False
        with self._locked():
            waiting = [t for t in self._tickets() if self._waits_alone(own, t, any_turn=any_turn)]
            if not waiting:
                return False
            file.rename(Ticket(waiting[0].turn, time.monotonic_ns(), False, own.alone).name)
            return True

    def somebody_waits(self) -> bool:
        """Whether anybody waits now."""
        return any(
            ticket is not None and not ticket.runs and is_held(self.folder / ticket.name)
            for ticket in map(Ticket.of, self._names())
        )

    def turns_before(self, number: int) -> list[dict[str, Any]]:
        """What the turns before this one say of themselves, in order; of those that work or wait now."""
        tickets = filter(None, map(Ticket.of, self._names()))
        turns = {ticket.turn for ticket in tickets if ticket.turn < number and is_held(self.folder / ticket.name)}
        return [_said(self.folder / f"{turn:020d}{_TURN}") for turn in sorted(turns)]

    def took(self, what: str) -> float | None:
        """Seconds that the last work of this name took; None if nobody has noted it here."""
        found = _said(self.folder / _TOOK).get(what)
        return float(found) if isinstance(found, (int, float)) else None

    def note_took(self, what: str, seconds: float) -> None:
        """Notes what a work took without waiting."""
        with self._locked():
            path = self.folder / _TOOK
            path.write_text(json.dumps(_said(path) | {what: round(seconds, 1)}), encoding="utf-8")

    def sweep(self) -> None:
        """Removes what the dead left."""
        with self._locked():
            self._tickets()
            for path in self.folder.glob(f"*{_TURN}"):
                if not is_held(path):
                    path.unlink(missing_ok=True)

    @staticmethod
    def _waits_alone(own: Ticket, other: Ticket | None, *, any_turn: bool) -> bool:
        return other is not None and other.alone and not other.runs and (any_turn or other.turn < own.turn)

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def _new(self, name: Callable[[int], str], number: int) -> LockFile:
        while True:
            try:
                return LockFile(self.folder / name(number))
            except FileExistsError:
                number += 1

    def _tickets(self) -> list[Ticket]:
        """Those who live and are not stopped, in order; the files of the dead are removed. Only under the lock."""
        found = []
        for name in self._names():
            ticket, path = Ticket.of(name), self.folder / name
            if ticket is None:
                continue
            if not is_held(path):
                path.unlink(missing_ok=True)
            elif not _is_stopped(_said(path).get("pid")):
                found.append(ticket)
        return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock under which tickets are given and let in; held for a millisecond."""
        path = self.folder / _LOCK
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(OSError):
                if path.stat().st_ino == os.fstat(fd).st_ino:  # or somebody tidied up in between
                    break
            os.close(fd)
        try:
            yield
        finally:
            os.close(fd)


def is_held(path: Path) -> bool:
    """Whether somebody who lives keeps the file locked."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _ticket(file: LockFile) -> Ticket:
    found = Ticket.of(file.path.name)
    assert found is not None
    return found


def _in_the_way(own: Ticket, others: list[Ticket], places: int) -> list[Ticket]:
    """Those that must change before ``own`` may go; nobody, if it may go now."""
    before = [other for other in others if other.runs or other < own]
    if own.alone:
        return before[:1]
    alone = [other for other in before if other.alone]
    return alone[:1] or (before if len(before) >= places else [])


def _said(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_stopped(pid: object) -> bool:
    """Whether the process was stopped (Ctrl-Z), where the system says so: nobody waits for who may never go on."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["T"]
