"""Starts jobs, says how they are, ends them.

A job is a process of its own that ends with the one that started it (the app's server). What is known of it is on disk:
any process sees how it is and can end it, and a server that starts anew finds what the one before left.

Equal work is done once: whoever asks for what is at work already becomes one more of its owners. A cancel is one's own
(:func:`leave`): the work ends when the last owner has left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qexplorer.core.disk.limit import trim
from qexplorer.core.disk.room import told_of_disk
from qexplorer.core.errors import UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs.coding import encode
from qexplorer.jobs.ids import new_job_id
from qexplorer.jobs.kind import JOB_KINDS
from qexplorer.jobs.processes.guard import EVENTS, STDERR, JobGuard
from qexplorer.jobs.processes.tree import end_tree, started_at
from qexplorer.jobs.records import (
    JobState,
    JobStatus,
    job_folder,
    job_ids,
    read_json,
    read_state,
    write_json,
    write_owners,
)
from qexplorer.process.limits import BASE, granted
from qexplorer.process.parent import start_child

if TYPE_CHECKING:
    from qexplorer.jobs.kind import AnyKind, JobKind, OrderT

__all__ = ["JobState", "JobStatus", "at_work_for", "cancel", "forget", "leave", "running", "state", "submit"]

KEPT = 50  # ended jobs that stay on disk
KEPT_S = 7 * 24 * 3600.0
_CHILD = "qexplorer.jobs.child:do_job"

_GUARDS: dict[str, JobGuard] = {}  # of the jobs that this very process has started
_THREADS = threading.Lock()


def submit(kind: JobKind[OrderT, Any, Any], order: OrderT, owner: str = "") -> str:
    """Starts a job and returns its id; while the same work is already running, joins that and returns its id.

    Args:
        kind: of the job.
        order: what to do.
        owner: who wants it, such as a session's id; it is theirs until they :func:`leave` it.

    Raises:
        UnknownName: for a kind that is not registered, which its process could not find.
        InputError: nothing can be written to the workspace, or a limit that the user has set is none.
    """
    JOB_KINDS.get(kind.name)
    granted(BASE)  # a limit that is none is told before anything is written
    digest = kind.digest(order)
    with told_of_disk(workspace("jobs")), _one_at_a_time():
        states = _all()
        for job in states:
            if job.is_running and job.digest == digest:
                write_owners(job.id, {*job.owners, owner})
                return job.id
        _clean(states)
        return _start(kind, encode(kind.order, order), digest, owner)


def state(job_id: str) -> JobState:
    """How the job is; raises UnknownName."""
    found = read_state(job_id)
    guard = _GUARDS.get(job_id)
    if found.is_running or guard is None:
        return found
    if guard.has_ended():  # and has said by now what it died of
        _GUARDS.pop(job_id, None)
    return read_state(job_id)


def running() -> list[JobState]:
    """The jobs at work, newest first."""
    return sorted((s for s in _all() if s.is_running), key=lambda s: -s.started)


def at_work_for(kind: AnyKind, digest: str, owner: str) -> str | None:
    """The id of the job at work that does this very order for ``owner``; None if there is none."""
    for job_id in job_ids():
        if job_id.startswith(f"{kind.name}-"):
            with contextlib.suppress(UnknownName):
                found = read_state(job_id)
                if found.is_running and found.digest == digest and owner in found.owners:
                    return job_id
    return None


def leave(job_id: str, owner: str) -> JobState:
    """Ends what ``owner`` wants of a job, and the job itself if nobody else wants it. Raises UnknownName."""
    with _one_at_a_time():
        found = state(job_id)
        others = set(found.owners) - {owner}
        if others and found.is_running:
            write_owners(job_id, others)
            return state(job_id)
        if found.is_running:
            (job_folder(job_id) / "cancelled").touch()  # from here on nobody can join
    return cancel(job_id)


def cancel(job_id: str) -> JobState:
    """Ends a job with everything it started, within 2 s, whoever wants it; one that has ended stays as it is.

    Raises:
        UnknownName: there is no such job.
    """
    folder = job_folder(job_id)
    if state(job_id).is_running or (folder / "cancelled").exists():
        (folder / "cancelled").touch()
        with _one_at_a_time():  # a job that is just being started has its process written down after this
            process = read_json(folder / "pid.json")
        if process:
            end_tree(process["pid"], process["started"], job_id)
    return state(job_id)


def forget(job_id: str) -> None:
    """Deletes what is kept of a job (cancelled first, if it runs); no error if there is nothing."""
    with contextlib.suppress(UnknownName):
        cancel(job_id)
        shutil.rmtree(job_folder(job_id), ignore_errors=True)


def _start(kind: AnyKind, order: Any, digest: str, owner: str) -> str:
    job_id = new_job_id(kind.name)
    folder = workspace("jobs", job_id)
    write_owners(job_id, {owner})
    asked = {"kind": kind.name, "order": order}
    trim()
    here = {"pid": os.getpid(), "started": started_at(os.getpid())}
    write_json(folder / "order.json", {**asked, "digest": digest, "started": time.time(), "starter": here})
    limits = replace(BASE, nice=kind.nice)
    child = start_child(
        _CHILD,
        {**asked, "job": job_id, "asked_ns": time.monotonic_ns()},
        limits,
        events=str(folder / EVENTS),
        stderr=str(folder / STDERR),
    )
    started = started_at(child.pid)
    write_json(folder / "pid.json", {"pid": child.pid, "started": started})
    _GUARDS[job_id] = JobGuard(job_id, child, started, limits, folder)
    return job_id


def _all() -> list[JobState]:
    _reap()
    found = []
    for job_id in job_ids():
        with contextlib.suppress(UnknownName):  # another process may have cleaned it up in between
            found.append(read_state(job_id))
    return found


def _reap() -> None:
    for job_id, guard in list(_GUARDS.items()):
        if guard.has_ended():
            _GUARDS.pop(job_id, None)


def _clean(states: list[JobState]) -> None:
    """Deletes ended jobs that are older than a week, and all but the newest ``KEPT``."""
    ended = sorted((s for s in states if not s.is_running), key=lambda s: -s.started)
    for rank, job in enumerate(ended):
        if rank >= KEPT or time.time() - job.started > KEPT_S:
            shutil.rmtree(workspace("jobs") / job.id, ignore_errors=True)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keeps two clicks, or two servers on one workspace, from starting the same work twice."""
    with _THREADS, (workspace("jobs") / "lock").open("a") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
