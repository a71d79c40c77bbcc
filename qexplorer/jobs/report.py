"""The child's side of a job: what the work tells of itself, and no more often than anybody can read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic

from typing_extensions import TypeVar

from qexplorer.core.disk.room import Reserve
from qexplorer.core.workspace import workspace
from qexplorer.process.child import Emit
from qexplorer.process.places.taking import expect
from qexplorer.process.places.waiting import Waiting

__all__ = ["LOADING", "Report", "overall"]

LOADING = 0.05
"""Share of a job's progress that loading is given."""

_RESERVE_BYTES = 4_000_000
_LEAST_S = 0.05  # between two events at the same step
_SEEN_S, _SEEN = 3.0, 0.05  # seconds and share of the work after which its pace says something
_JUMP_S, _JUMP = 0.3, 0.05  # a share that takes less time was there already

PartialT = TypeVar("PartialT", default=None)


class Report(Generic[PartialT]):
    """Takes what the work tells.

    Args:
        job: the job's id.
        emit: writes an event.
        partial: type of what is reported before the end; ``partial_type`` may be set until then.
        clock: seconds that only go up.
    """

    def __init__(self, job: str, emit: Emit, partial: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.job = job
        self.partial_type = partial
        self._write_event, self._clock = emit, clock
        self._lock = threading.Lock()
        self._reserve: Reserve | None = None
        self._series, self._at = "", float("-inf")
        self._waiting: dict[str, Any] | None = None
        self._pace = _Pace()
        self._since_waiting: float | None = None

    def keep_room(self) -> None:
        """Keeps room on the disk for how the job ends. Raises InputError if there is none."""
        self._reserve = Reserve(self.folder / "reserve", _RESERVE_BYTES)

    def release_room(self) -> None:
        """Gives it free, for what is written at the end."""
        if self._reserve is not None:
            self._reserve.release()

    @property
    def folder(self) -> Path:
        """The job's folder, for what it leaves beside its events."""
        return workspace("jobs", self.job)

    def step(self, step: str, done: float, seconds_left: float | None = None, *, series: str | None = None) -> None:
        """Tells what the job is at and the share of it that is done.

        One step is written at most 20 times a second: what comes between waits for the next, or for the end.

        Args:
            step: in words.
            done: from 0 to 1.
            seconds_left: expected; None if nobody can know.
            series: makes steps one whose words differ, such as in a number that counts up.
        """
        expect(seconds_left)
        event = {"event": "progress", "step": step, "done": done, "seconds_left": seconds_left}
        if (series or step) == self._series and self._clock() - self._at < _LEAST_S:
            self._waiting = event
            return
        self._series = series or step
        self._write(event)

    def partial(self, value: PartialT) -> None:
        """Hands over what is known before the end; it takes the place of what was handed over before."""
        from qexplorer.jobs.coding import encode  # with pydantic, which a job that waits needs not

        self.flush()
        self._emit({"event": "partial", "value": encode(self.partial_type, value)})

    def wait(self, waiting: Waiting | None) -> None:
        """Tells the job's place in the line for the machine; None: it goes on. Any thread may call it."""
        with self._lock:
            since = self._since_waiting
            if waiting is None:
                self._since_waiting = None
                self._pace.skip(0.0 if since is None else self._clock() - since)
            elif since is None:
                self._since_waiting = self._clock()
        self._emit({"event": "progress", "waiting": None if waiting is None else asdict(waiting)})

    def flush(self) -> None:
        """Writes what still waits."""
        if self._waiting is not None:
            self._write(self._waiting)

    def _write(self, event: dict[str, Any]) -> None:
        self._waiting, self._at = None, self._clock()
        self._emit(event)

    def _emit(self, event: dict[str, Any]) -> None:
        with self._lock:
            self._write_event(event)

    def after_loading(self, step: str, done: float) -> None:
        """As :meth:`step`, with ``done`` the share of what comes after loading; the time left follows from its pace."""
        with self._lock:
            left = self._pace.left(self._clock(), done)
        self.step(step, overall(done), left)

    def count_samples(self, done: int, total: int) -> None:
        """Tells how many samples were observed, which is most of what comes after loading."""
        share = LOADING + 0.8 * done / max(total, 1)
        self.step(f"observing sample {done} of {total}", share, series="observing samples")


@dataclass(slots=True)
class _Pace:
    """How fast work goes on, by what it said of itself.

    Attributes:
        begun: when it was first heard, and the share that was done then; both grow by what cost no time or no work.
        last: when it was last heard, and the share that was done.
    """

    begun: tuple[float, float] | None = None
    last: tuple[float, float] = (0.0, 0.0)

    def left(self, now: float, done: float) -> float | None:
        """Seconds that are left at the pace so far; None while nobody can know."""
        if self.begun is None:
            self.begun = self.last = (now, done)
            return None
        start, before = self.begun
        if now - self.last[0] < _JUMP_S and done - self.last[1] > _JUMP:
            before += done - self.last[1]
        self.begun, self.last = (start, before), (now, done)
        spent, won = now - start, done - before
        return spent / won * (1 - done) if spent > _SEEN_S and won > _SEEN else None

    def skip(self, seconds: float) -> None:
        """Leaves out a time in which the work waited."""
        if self.begun is not None:
            self.begun = (self.begun[0] + seconds, self.begun[1])


def overall(done: float) -> float:
    """The share of the whole job that is done, from the share of what comes after loading."""
    return LOADING + (1 - LOADING) * done
