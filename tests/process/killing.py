"""Kills one process of several that belong together, at a chosen moment, and says what still runs afterwards.

Everything that a command starts inherits a mark in its environment, however it was started and whoever is its parent
later: so nothing that outlives it is missed. Used by the short tests here, and made for long campaigns.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence

import psutil

__all__ = ["Killed", "kill_one", "living"]

MARK = "QEXPLORER_KILL_TRIAL"
Choose = Callable[[list[psutil.Process]], psutil.Process | None]


class Killed:
    """What a command had started when one of its processes was killed, and what was left of it in the end.

    Attributes:
        seen: command lines of all that ran at the moment of the kill.
        victim: command line of the killed one; None if the command had ended before.
        left: command lines of what ran on.
        code: the exit code of the command itself.
    """

    def __init__(self, seen: list[str], victim: str | None, left: list[str], code: int | None) -> None:
        self.seen, self.victim, self.left, self.code = seen, victim, left, code


def living(mark: str) -> list[psutil.Process]:
    """Processes that carry ``mark``, the oldest first; zombies do not count."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return sorted(found, key=lambda each: (each.create_time(), each.pid))


def kill_one(
    command: Sequence[str],
    choose: Choose,
    *,
    delay_s: float = 0.0,
    env: Mapping[str, str] | None = None,
    ready: Callable[[list[psutil.Process]], bool] = bool,
    settle_s: float = 60.0,
) -> Killed:
    """Starts ``command`` and kills one of its processes with SIGKILL; what is left in the end is ended, and told.

    Args:
        command: what to start.
        choose: which of the running processes dies, the oldest (the command itself) first; while it is None, between
            two children for instance, it is asked again until the command has ended.
        delay_s: how long after ``ready``.
        env: its environment; this process's own by default.
        ready: asked about the running processes until it is true.
        settle_s: how long to wait until nothing is left, or the command has ended by itself.
    """
    mark = uuid.uuid4().hex
    root = subprocess.Popen(
        command, env={**(env or os.environ), MARK: mark}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while root.poll() is None and not ready(living(mark)):
            time.sleep(0.02)
        time.sleep(delay_s)
        seen, told = _strike(root, mark, choose)
        end = time.monotonic() + settle_s
        while (left := living(mark)) and time.monotonic() < end:
            root.poll()
            time.sleep(0.02)
        if not left:  # a process that ends has no environment any more, a moment before it can be waited for
            with contextlib.suppress(subprocess.TimeoutExpired):
                root.wait(timeout=settle_s)
        return Killed(seen, told, [_line(process) for process in left], root.poll())
    finally:
        for process in living(mark):
            with contextlib.suppress(psutil.Error):
                process.kill()
        root.wait()


def _strike(root: subprocess.Popen[bytes], mark: str, choose: Choose) -> tuple[list[str], str | None]:
    """Kills a chosen one that lives: what ran then, and who it was; None if the command ended before there was one."""
    while root.poll() is None:
        running = living(mark)
        seen = [_line(process) for process in running]
        if running and (victim := choose(running)) is not None:
            told = _line(victim)
            with contextlib.suppress(psutil.Error):
                victim.kill()
                return seen, told
        time.sleep(0.02)
    return [], None


def _line(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"{process.pid}: gone"
