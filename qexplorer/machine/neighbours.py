"""Other programs on the machine that a measurement uses: noticed before and during it, and named where that is
allowed without privileges.

Nothing here runs while something is timed: the counters of the system are read before and after.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass

__all__ = ["Busy", "Watch"]

_NOTICED = 0.05  # share of the measured processors that others must take to be spoken of
_ELSEWHERE = 0.25  # processors' worth of work on the others: they share caches, memory, turbo and often the very core
_IDLE = ("idle", "iowait", "guest", "guest_nice")  # guests are counted as user time already
_Times = dict[tuple[int, float], tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Busy:
    """What other programs took of a machine.

    Attributes:
        share: of the measured processors' time, from 0 to 1.
        cpus: the measured processors.
        elsewhere: how many of the other processors they kept busy on average.
        others: how many other processors there are.
        name: the program that used most processor time meanwhile; None if none can be told.
    """

    share: float
    cpus: tuple[int, ...]
    elsewhere: float
    others: int
    name: str | None

    @property
    def sentence(self) -> str:
        """``another program (chrome) kept CPU 1 busy at 40 %``."""
        who = f"another program ({self.name})" if self.name else "other programs"
        parts = []
        if self.share >= _NOTICED:
            places = "CPU" if len(self.cpus) == 1 else "CPUs"
            parts.append(f"kept {places} {', '.join(map(str, sorted(self.cpus)))} busy at {100 * self.share:.0f} %")
        if self.elsewhere >= _ELSEWHERE:
            more = "the other CPU" if self.others == 1 else f"{self.elsewhere:.1f} of the {self.others} other CPUs"
            busy = f" busy at {100 * self.elsewhere:.0f} %" if self.others == 1 else " busy"
            parts.append(f"kept {more}{busy}")
        return f"{who} {' and '.join(parts)}"


class Watch:
    """Counts what others do between its making and :meth:`busy`."""

    def __init__(self) -> None:
        self._others, self._ours = _process_times()
        self._begin, self._own, self._used = time.perf_counter(), time.process_time(), _used_s()

    def busy(self, cpus: tuple[int, ...]) -> Busy | None:
        """What others took since then of ``cpus``, where this process ran meanwhile, and of the rest of the machine.

        None where it is too little to matter, or the system does not count it.
        """
        wall, own, used = time.perf_counter() - self._begin, time.process_time() - self._own, _used_s()
        if not cpus or max(cpus) >= len(self._used) or len(used) != len(self._used) or wall <= 0:
            return None
        spent = [after - before for before, after in zip(self._used, used, strict=True)]
        there = max(0.0, sum(spent[cpu] for cpu in cpus) - own)
        processes, ours = _process_times()
        elsewhere = max(0.0, sum(spent) - (ours - self._ours) - there) / wall
        share = min(1.0, there / (wall * len(cpus)))
        # The system counts in hundredths of a second: over a short time that alone looks like work of others.
        blur = 0.03 / wall
        share = share if share >= max(_NOTICED, blur) else 0.0
        elsewhere = elsewhere if elsewhere >= max(_ELSEWHERE, blur) else 0.0
        if not share and not elsewhere:
            return None
        others = len(used) - len(cpus)
        return Busy(share, cpus, min(elsewhere, float(others)), others, _busiest(self._others, processes, wall))


def _used_s() -> list[float]:
    """Seconds that each processor worked since the machine started, for whomever (also other guests of its host)."""
    import psutil

    counts = psutil.cpu_times(percpu=True)
    return [sum(value for name, value in each._asdict().items() if name not in _IDLE) for each in counts]


def _process_times() -> tuple[_Times, float]:
    """Seconds and name of every other process that may be read; seconds of this one, its parents and its children."""
    import psutil

    me = psutil.Process(os.getpid())
    family = {me.pid}
    with contextlib.suppress(psutil.Error):
        family |= {each.pid for each in (*me.parents(), *me.children(recursive=True))}
    found: _Times = {}
    ours = 0.0
    for process in psutil.process_iter(["name", "cpu_times", "create_time"]):
        times = process.info["cpu_times"]
        if times is None:
            continue
        if process.pid in family:
            ours += times.user + times.system
        else:
            found[(process.pid, process.info["create_time"])] = (process.info["name"] or "", times.user + times.system)
    return found, ours


def _busiest(before: _Times, after: _Times, wall_s: float) -> str | None:
    """The name of the process that used most time in between, if it used more than a twentieth of a processor."""
    spent = {key: seconds - before.get(key, ("", 0.0))[1] for key, (_, seconds) in after.items()}
    key = max(spent, key=lambda each: spent[each], default=None)
    if key is None or spent[key] < _NOTICED * wall_s:
        return None
    return after[key][0] or None
