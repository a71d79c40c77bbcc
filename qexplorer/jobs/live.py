"""Steering a stream from a page: what it should run, that somebody is still looking, and what it has found so far.

All of it are files in the job's folder, so that a reload of the page, or another server, finds the same stream.

jobs/<id>/
    control.json    what to run: version, sides, rate; the stream ends its turn when the version changes
    heartbeat       touched by the page; a stream at which nobody has looked for STALE_S ends itself
    windows.jsonl   one window a line
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qexplorer.core.errors import UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs.records import job_folder, read_json, write_json
from qexplorer.measure.live.windows import LiveWindow

__all__ = ["CONTROL", "HEARTBEAT", "STALE_S", "WINDOWS", "beat", "folder_of", "notes_of", "steer", "windows_of"]

CONTROL, HEARTBEAT, WINDOWS, NOTES = "control.json", "heartbeat", "windows.jsonl", "notes.json"
STALE_S = 8.0
"""Seconds without a look after which the page counts as closed (a page looks twice a second)."""
_KEPT_BYTES = 400_000  # of the windows, from their end: some ten minutes


def folder_of(job_id: str) -> Path:
    """The job's folder, also while the job is only just being started."""
    return workspace("jobs", job_id)


def steer(job_id: str, sides: dict[str, Any], rate: float | None) -> None:
    """Tells the stream what to run from now on; nothing changes if it runs just that.

    Args:
        job_id: the stream's job.
        sides: {place: {"recipe": text, "backend": name}}.
        rate: samples a second, or None for as fast as it goes.

    Raises:
        UnknownName: there is no such job.
    """
    path = job_folder(job_id) / CONTROL
    before = read_json(path) or {"version": 0}
    wanted = {"sides": sides, "rate": rate}
    if {k: before.get(k) for k in wanted} != wanted:
        write_json(path, {"version": before["version"] + 1, **wanted})
    beat(job_id)


def beat(job_id: str) -> None:
    """Says that somebody looks at the stream; nothing happens if it is gone."""
    try:
        (job_folder(job_id) / HEARTBEAT).touch()
    except UnknownName:
        return


def windows_of(job_id: str) -> list[LiveWindow]:
    """The windows so far, oldest first (of a long stream the last ten minutes or so); empty if there are none."""
    try:
        with (job_folder(job_id) / WINDOWS).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _KEPT_BYTES))
            lines = file.read().split(b"\n")
    except (OSError, UnknownName):
        return []
    whole = lines[1 if size > _KEPT_BYTES else 0 : -1]  # what follows the last line feed is still being written
    return [LiveWindow.from_json(json.loads(line)) for line in whole if line]


def notes_of(job_id: str) -> dict[str, str]:
    """Why a variant does not run, by its place; empty if both do."""
    try:
        return dict(read_json(job_folder(job_id) / NOTES) or {})
    except UnknownName:
        return {}
