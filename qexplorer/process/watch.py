"""Whether a child still keeps within its limits of memory and time; its parent looks a few times a second.

*Memory* is what the child and the helpers of its group really take: private pages, in memory or swapped out. Files that
are mapped do not count, because the system takes their pages back when it needs them.

*Time* is computing without progress: of every interval the lesser of the time that passed and the processor time that
the child took counts, so that neither a busy machine nor many threads change anything, and every sign of progress sets
it back. How long a step may take grows with what the steps before really took: twenty times the longest, up to twenty
times what was granted at first. A child that does not compute (it waits for its own child, or its turn) ends if nothing
below it has computed for half an hour.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psutil

from qexplorer.core.errors import ChildError, ChildMemory, ChildTimeout
from qexplorer.process.limits import FACTOR, MOST_MEMORY, Limits, granted

__all__ = ["LOOK_S", "LimitsWatch", "Taken", "usage_of"]

LOOK_S = 0.2
"""Seconds between two looks."""
_MORE = 20.0
_STUCK_S = 1800.0
_HELPERS_EVERY = 10  # looks


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process has used: processor seconds since its start, and bytes of memory now."""

    cpu_s: float
    resident_bytes: int


class LimitsWatch:
    """Keeps the limits of one child.

    Args:
        pid: its process id, which leads a group of its own.
        limits: what it was granted.
        clock: seconds that only go up.
        usage: of a process by its id; None when it is gone.
    """

    def __init__(
        self,
        pid: int,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        usage: Callable[[int], Taken | None] | None = None,
    ) -> None:
        self.limits = limits
        self._pid, self._clock, self._usage = pid, clock, usage or usage_of
        self._began = self._last = clock()
        self._cpu_s = self._quiet_s = self._longest_s = self._stuck_s = 0.0
        self._looks, self._helpers = 0, Taken(0.0, 0)

    def hear(self, event: dict[str, Any]) -> None:
        """Takes note of an event of the child: it gets on, or says what its work may take (never less than before)."""
        self._longest_s = max(self._longest_s, self._quiet_s)
        self._quiet_s = self._stuck_s = 0.0
        if event.get("event") == "allow":
            asked = granted(Limits(resident_bytes=event["resident_bytes"], quiet_s=event["quiet_s"]))
            memory = _larger(self.limits.resident_bytes, asked.resident_bytes)
            quiet = _larger(self.limits.quiet_s, asked.quiet_s)
            self.limits = replace(self.limits, resident_bytes=None if memory is None else int(memory), quiet_s=quiet)

    def look(self) -> ChildError | None:
        """Why the child must end now; None if it may go on."""
        now = self._clock()
        passed, self._last = now - self._last, now
        if self.limits.wall_s is not None and now - self._began > self.limits.wall_s:
            return ChildTimeout(f"the work took longer than {self.limits.wall_s:.0f} s and was ended")
        usage = self._usage(self._pid)
        if usage is None:
            return None
        computed, self._cpu_s = max(usage.cpu_s - self._cpu_s, 0.0), usage.cpu_s
        self._quiet_s += min(passed, computed)
        self._look_at_helpers(passed, computed)
        return self._too_much(usage.resident_bytes + self._helpers.resident_bytes) or self._too_long()

    def _look_at_helpers(self, passed: float, computed: float) -> None:
        """Now and then: what else belongs to the child's group, and whether anything below it computes."""
        self._stuck_s = self._stuck_s + passed if computed < 0.01 * passed else 0.0
        self._looks += 1
        if self._looks % _HELPERS_EVERY:
            return
        below = _below(self._pid)
        cpu_s = sum(usage.cpu_s for _, usage in below)
        if cpu_s != self._helpers.cpu_s:
            self._stuck_s = 0.0
        self._helpers = Taken(cpu_s, sum(usage.resident_bytes for own, usage in below if own))

    def _too_much(self, taken: int) -> ChildMemory | None:
        most = self.limits.resident_bytes
        if most is None or taken <= most:
            return None
        return ChildMemory(
            f"the work took {_text(taken)} of memory, more than the {_text(most)} that such a model"
            " and its samples are given, and was ended",
            do=f"give a smaller model or fewer samples, or raise the limit ({FACTOR}, {MOST_MEMORY})",
        )

    def _too_long(self) -> ChildTimeout | None:
        base = self.limits.quiet_s
        if base is None:
            return None
        allowed = min(max(base, _MORE * self._longest_s), _MORE * base)
        if self._quiet_s > allowed:
            return ChildTimeout(
                f"the work computed for {self._quiet_s:.0f} s without getting on, longer than the {allowed:.0f} s that"
                " such a model and its samples are given, and was ended",
                do=f"look for a loop in the model that does not end, or raise the limit ({FACTOR})",
            )
        if self._stuck_s > _STUCK_S:
            return ChildTimeout(
                f"the work neither computed nor got on for {self._stuck_s / 60:.0f} minutes and was ended",
                do="start it again",
            )
        return None


def _text(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"


def _larger(known: float | None, asked: float | None) -> float | None:
    return None if known is None or asked is None else max(known, asked)


def usage_of(pid: int) -> Taken | None:
    """What the process uses; None if it is gone."""
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return Taken(times.user + times.system, _private_bytes(process))
    except psutil.Error:
        return None


def _private_bytes(process: psutil.Process) -> int:
    """Bytes of pages that no file stands behind; where the system does not tell them apart, all that is resident."""
    try:
        with open(f"/proc/{process.pid}/status", "rb") as file:  # noqa: PTH123 - looked at all the time
            found = dict(line.split(b":", 1) for line in file if line.startswith((b"RssAnon", b"RssShmem", b"VmSwap")))
    except OSError:
        return int(process.memory_info().rss)
    return sum(1024 * int(value.split()[0]) for value in found.values())


def _below(pid: int) -> list[tuple[bool, Taken]]:
    """Whether it is of the child's own group, and its usage, for every process that descends from the child."""
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            usage = usage_of(process.pid)
            if usage is not None:
                with contextlib.suppress(OSError):
                    found.append((not hasattr(os, "getpgid") or os.getpgid(process.pid) == pid, usage))
    return found
