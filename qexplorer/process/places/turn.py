"""One whole work (a job, a command) whose pieces take places: how they are, and what those behind it are told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qexplorer.process.places.line import Line, LockFile
from qexplorer.process.places.waiting import Waiting

__all__ = ["Cancel", "Turn"]

Cancel = Callable[[], bool] | None
_TELL_S = 1.0  # between two words about the place in the line, and about the time left


@dataclass(slots=True, eq=False)
class Turn:
    """One whole work, and how its pieces are."""

    asked_ns: int
    what: str
    on_wait: Callable[[Waiting | None], None] | None = None
    cancelled: Cancel = None
    file: LockFile | None = None
    line: Line | None = None
    left_s: float | None = None
    began: float = field(default_factory=time.monotonic)
    works: int = 0
    waits: int = 0
    waiting: Waiting | None = None
    waited_s: float = 0.0
    since: float | None = None
    told: float = 0.0
    said: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def number(self, line: Line) -> int:
        """Its place in the order; it joins the line with the first piece."""
        with self.lock:
            if self.file is None or not self.file.path.exists():
                self.file, self.line = line.open_turn(self.asked_ns), line
                self.expect(line.took(self.what) if self.left_s is None else self.left_s)
            return int(self.file.path.stem)

    def expect(self, left_s: float | None) -> None:
        """Says how long it will still take, at most once a second."""
        with self.lock:
            now = time.monotonic()
            self.left_s = self.left_s if left_s is None else left_s
            if self.file is not None and self.left_s is not None and now - self.said > _TELL_S:
                self.said = now
                self.file.write({"left_s": round(self.left_s, 1)})

    def end(self, *, well: bool) -> None:
        """Leaves the line, and notes there what it took if it ended well."""
        if self.file is None or self.line is None:
            return
        self.file.close()
        if well:
            with contextlib.suppress(OSError):
                self.line.note_took(self.what, time.monotonic() - self.began - self.waited_s)

    def begins_to_wait(self) -> None:
        """A piece stands in the line."""
        with self.lock:
            self.waits += 1
            self._count()

    def begins_to_work(self) -> None:
        """A piece that waited goes on."""
        with self.lock:
            self.waits, self.works = self.waits - 1, self.works + 1
            self._count()
            self.tell(None)

    def ends(self) -> None:
        """A piece that went on has ended."""
        with self.lock:
            self.works -= 1
            self._count()

    def _count(self) -> None:
        """Time counts as waited while nothing of the work runs."""
        now = time.monotonic()
        if self.since is not None:
            self.waited_s, self.since = self.waited_s + now - self.since, None
        if self.waits and not self.works:
            self.since = now

    def look(self, line: Line) -> None:
        """Tells where the work stands, now and then, unless a piece of it runs."""
        with self.lock:
            now = time.monotonic()
            if self.works or now - self.told < _TELL_S:
                return
            self.told = now
            standing = None
            with contextlib.suppress(OSError):
                standing = _standing(line, self.number(line))
            self.tell(standing)

    def tell(self, waiting: Waiting | None) -> None:
        """Tells whoever wants to know, if it is news."""
        with self.lock:
            changed, self.waiting = waiting != self.waiting, waiting
            if changed and self.on_wait is not None:
                self.on_wait(waiting)


def _standing(line: Line, number: int) -> Waiting:
    """The place behind all works that were asked for earlier, and the time that they say they need."""
    before = line.turns_before(number)
    left = [each.get("left_s") for each in before]
    known = [float(seconds) for seconds in left if isinstance(seconds, (int, float))]
    return Waiting(len(before) + 1, sum(known) if before and len(known) == len(left) else None)
