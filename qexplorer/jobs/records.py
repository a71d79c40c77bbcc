"""What is on disk of a job, and what that says about it. The disk is all there is: a restarted server sees the same.

jobs/<id>/
    order.json      kind, order, digest of both, when it was asked for, and the process that started it
    owners.json     who wants it; the job ends when the last of them leaves
    pid.json        the process and when it started
    events.jsonl    what the child reported, one JSON value a line; see ``events``
    stderr.txt      everything else that it printed
    cancelled       there if a person asked for it to stop
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from qexplorer.core.disk.room import is_full
from qexplorer.core.errors import ChildError, UnknownName, error_from_json
from qexplorer.core.files import write_atomically
from qexplorer.core.workspace import workspace
from qexplorer.jobs.events import EventReader, Told
from qexplorer.jobs.ids import is_job_id
from qexplorer.jobs.processes.tree import is_alive
from qexplorer.process.places.waiting import Waiting

__all__ = ["JobState", "JobStatus", "job_folder", "job_ids", "read_json", "read_state", "write_json", "write_owners"]

START_S = 10.0  # how long an order may be without a process before it counts as never started
_EVENTS = EventReader()


class JobStatus(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of a job now. Its kind reads order, partial and result (``JobKind.order_of`` and so on).

    Attributes:
        id: the job's name, good for a URL.
        kind: name of its kind; one that there is no more, for a job of an earlier version.
        digest: of its kind and order.
        status: running, done, failed or cancelled.
        step: what it works on, in words.
        done: fraction of the work, 0 to 1.
        seconds_left: expected, or None while nobody can know.
        error: why it failed, one sentence.
        started: seconds since the epoch.
        order: what was asked for, as plain data; None for a job of an earlier version.
        partial: what came before the end, as plain data.
        result: what the work returned, once it is done, as plain data.
        owners: who wants it, such as ids of sessions.
        waiting: its place in the line for the machine; None while it works.
    """

    id: str
    kind: str
    digest: str
    status: JobStatus
    step: str
    done: float
    seconds_left: float | None
    error: str | None
    started: float
    order: Any = field(default=None, repr=False)
    partial: Any = field(default=None, repr=False)
    result: Any = field(default=None, repr=False)
    owners: tuple[str, ...] = ()
    waiting: Waiting | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self.status is JobStatus.RUNNING


def job_folder(job_id: str) -> Path:
    """The folder of an existing job; raises UnknownName (also for what is not an id, such as a path)."""
    folder = workspace("jobs") / job_id
    if not is_job_id(job_id) or not (folder / "order.json").is_file():
        raise UnknownName(f"there is no job called '{job_id}'", do="start it again")
    return folder


def job_ids() -> list[str]:
    """Every job on disk, in no order."""
    return [p.name for p in workspace("jobs").iterdir() if is_job_id(p.name) and (p / "order.json").is_file()]


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` whole or not at all."""
    write_atomically(path, json.dumps(value, default=str).encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """The mapping in a file that :func:`write_json` wrote, or None if it is not there."""
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value


def write_owners(job_id: str, owners: set[str]) -> None:
    """Notes who wants the job."""
    write_json(workspace("jobs") / job_id / "owners.json", {"owners": sorted(owners)})


def read_state(job_id: str) -> JobState:
    """The state of a job from its files; raises UnknownName."""
    folder = job_folder(job_id)
    order = read_json(folder / "order.json") or {}
    alive = _alive(folder, order)  # asked before the events are read: a result written in between is then seen
    told = _EVENTS.read(folder / "events.jsonl")
    status, error = _status(folder, alive, told)
    return JobState(
        id=job_id,
        kind=str(order.get("kind", "")),
        digest=str(order.get("digest", "")),
        status=status,
        step=told.progress.get("step", "starting"),
        done=1.0 if status is JobStatus.DONE else min(1.0, max(0.0, float(told.progress.get("done") or 0.0))),
        seconds_left=told.progress.get("seconds_left") if status is JobStatus.RUNNING else None,
        error=error,
        started=float(order.get("started", 0.0)),
        order=order.get("order"),
        partial=told.partial,
        result=told.ending.get("value") if status is JobStatus.DONE else None,
        waiting=_waiting(told) if status is JobStatus.RUNNING else None,
        owners=tuple((read_json(folder / "owners.json") or {}).get("owners", ())),
    )


def _waiting(told: Told) -> Waiting | None:
    value = told.progress.get("waiting")
    return None if value is None else Waiting(**value)


def _alive(folder: Path, order: dict[str, Any]) -> bool:
    process = read_json(folder / "pid.json")
    if process is None:  # it is just being started, or who did that was ended in between
        new, starter = time.time() - float(order.get("started", 0.0)) < START_S, order.get("starter")
        return new and (starter is None or is_alive(starter["pid"], starter["started"]))
    return is_alive(process["pid"], process["started"])


def _status(folder: Path, alive: bool, told: Told) -> tuple[JobStatus, str | None]:
    ending, step = told.ending, told.progress.get("step", "")
    during = f" (it was at '{step}')" if step else " (it had not reported anything yet)"
    if ending.get("event") == "result":
        return JobStatus.DONE, None
    if (folder / "cancelled").exists():
        return JobStatus.CANCELLED, None
    if ending.get("event") == "error":
        error = error_from_json(ending["error"])
        if isinstance(error, ChildError):
            error = ChildError(error.what + during, where=error.where, allowed=error.allowed, do=error.do)
        return JobStatus.FAILED, error.sentence
    if alive:
        return JobStatus.RUNNING, None
    if is_full(folder):
        return JobStatus.FAILED, f"{folder}: the disk is full{during}; free some of it and start again"
    return JobStatus.FAILED, f"the app that had started it was ended{during}; start it again"
