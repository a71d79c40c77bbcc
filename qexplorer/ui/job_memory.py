"""Which jobs this session has started: by kind the latest, and by order the one that did that very work.

What is remembered are ids, in the session's state on disk, so that a reload or a restarted server finds them again.
Sessions that ask for the same work share a job: one that cancels it sees it as cancelled while the others' goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from qexplorer.core.errors import InputError, UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kind import JOB_KINDS, JobKind, OrderT, ResultT
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.ui.serving.people import is_shared, jobs_a_person
from qexplorer.ui.session import keep, session_id, state

__all__ = [
    "cancel_job",
    "earlier_result",
    "job_for",
    "job_page",
    "job_state",
    "job_title",
    "latest_job",
    "running_jobs",
    "start_job",
    "too_many_jobs",
]

_MOST = 40  # orders whose jobs are remembered


def start_job(kind: JobKind[OrderT, Any, Any], order: OrderT) -> str:
    """Starts the work, or joins that of the same order, and remembers it; returns its id."""
    refused = too_many_jobs()
    if refused is not None and not _is_at_work(kind.digest(order)):
        raise InputError(refused, do="wait, or cancel one")
    return _remembered(kind, kind.digest(order), manager.submit(kind, order, session_id()))


def _remembered(kind: JobKind[Any, Any, Any], digest: str, job_id: str) -> str:
    now = state()
    now.jobs[kind.name] = job_id
    others = [(known, old) for known, old in now.started.items() if known != digest]
    now.started = dict([*others, (digest, job_id)][-_MOST:])
    keep(now)
    return job_id


def too_many_jobs() -> str | None:
    """Why this person can start no more work now, one sentence; None if they can. Only a shared host has a limit."""
    if not is_shared():
        return None
    most, at_work = jobs_a_person(), len(manager.running())
    if at_work < most:
        return None
    return f"{at_work} of your jobs are at work, and this host runs at most {most} a person at once"


def _is_at_work(digest: str) -> bool:
    return any(job.digest == digest for job in manager.running())


def cancel_job(job_id: str) -> None:
    """Cancels the job for this session; it ends if no other session wants it."""
    try:
        manager.leave(job_id, session_id())
    except UnknownName:
        return


def job_state(job_id: str | None) -> JobState | None:
    """The job's state as this session sees it, or None if there is no such job (any more)."""
    try:
        found = manager.state(job_id) if job_id else None
    except UnknownName:
        return None
    if found is None or not found.owners or {session_id(), ""} & set(found.owners):  # or nobody in particular wants it
        return found
    return replace(found, status=JobStatus.CANCELLED, result=None)


def job_for(kind: JobKind[OrderT, Any, Any], order: OrderT) -> JobState | None:
    """The job that this session last started with this very order; None if none is kept.

    A second click or a reload can end the run that has just started a job, before it is remembered; the job knows.
    """
    digest = kind.digest(order)
    started = state().started
    found = job_state(started.get(digest) or next((j for j in started.values() if _asks(kind, j) == digest), None))
    if found is None and (lost := manager.at_work_for(kind, digest, session_id())) is not None:
        return job_state(_remembered(kind, digest, lost))
    return found


def _asks(kind: JobKind[Any, Any, Any], job_id: str) -> str | None:
    """The digest that the order of a job has in this version, which may ask for more than the one that started it did:
    what was not asked is as by default. None for a job of another kind, and one that is gone."""
    return _digest_now(kind, str(workspace("jobs")), job_id) if job_id.startswith(f"{kind.name}-") else None


@lru_cache(maxsize=256)
def _digest_now(kind: JobKind[Any, Any, Any], jobs: str, job_id: str) -> str | None:  # noqa: ARG001 - part of the key
    found = job_state(job_id)
    order = None if found is None else kind.order_of(found)
    return None if order is None else kind.digest(order)


def earlier_result(kind: JobKind[OrderT, ResultT, Any], is_wanted: Callable[[OrderT], bool]) -> ResultT | None:
    """What came of the latest work of this session that ended well and was ordered as is wanted; None if none is
    kept."""
    for job_id in reversed(state().started.values()):
        job = job_state(job_id) if job_id.startswith(f"{kind.name}-") else None
        order = None if job is None or job.is_running else kind.order_of(job)
        if job is not None and order is not None and is_wanted(order):
            found = kind.result_of(job)
            if found is not None:
                return found
    return None


def latest_job(kind: JobKind[Any, Any, Any]) -> JobState | None:
    """The job of this kind that this session started last; None if none is kept."""
    return job_state(state().jobs.get(kind.name))


def running_jobs() -> list[JobState]:
    """This session's jobs at work, in the order of their kinds' names."""
    now = state()
    ids = dict.fromkeys([*now.jobs.values(), *now.started.values()])
    found = [job for job in map(job_state, ids) if job is not None and job.is_running]
    return sorted(found, key=lambda job: (job.kind, job.started))


def job_title(job: JobState) -> str:
    """What the job is doing, for a person; in words of its own for a kind that an earlier version had."""
    return JOB_KINDS.get(job.kind).title if job.kind in JOB_KINDS else f"Work of an earlier version ({job.kind})"


def job_page(job: JobState) -> str | None:
    """Title of the page that shows how the job ended; None for a kind that an earlier version had."""
    return JOB_KINDS.get(job.kind).page if job.kind in JOB_KINDS else None
