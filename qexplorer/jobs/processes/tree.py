"""Which process does a job, whether it still lives, and how to end it with everything that it started."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

from qexplorer.jobs.processes.mark import MARK

__all__ = ["end_tree", "is_alive", "started_at"]


def started_at(pid: int) -> float | None:
    """When the process started (seconds since the epoch), or None if there is none: tells reused ids apart."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return None


def is_alive(pid: int, started: float | None) -> bool:
    """Whether the very process that began at ``started`` under this id still runs (a zombie does not)."""
    try:
        process = psutil.Process(pid)
        same = started is None or abs(process.create_time() - started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end_tree(pid: int, started: float | None, job_id: str) -> None:
    """Ends a job's process, its descendants (also those in sessions of their own) and strays that carry its mark.

    Everything is stopped before anything is killed, so that nothing can start a new process in between.
    """
    found: dict[int, psutil.Process] = {}
    while new := [p for p in _of_job(pid, started, job_id) if p.pid not in found]:
        for process in new:
            found[process.pid] = process
            with contextlib.suppress(psutil.Error):
                process.suspend()
    for process in found.values():
        with contextlib.suppress(psutil.Error):
            process.kill()
    end = time.monotonic() + 1.0
    while any(is_alive(pid, None) for pid in found) and time.monotonic() < end:
        time.sleep(0.01)


def _of_job(pid: int, started: float | None, job_id: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    if is_alive(pid, started):
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            found = [root, *root.children(recursive=True)]
    return found + _marked(job_id)


def _marked(job_id: str) -> list[psutil.Process]:
    """Processes that carry the job's mark: found even when their parent has died and they belong to init now."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == job_id:
                found.append(process)
    return found
