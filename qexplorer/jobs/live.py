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

from pydantic import BaseModel, ConfigDict

from qexplorer.core.errors import UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs.coding import decode, encode
from qexplorer.jobs.records import job_folder, read_json, write_json
from qexplorer.measure.live.windows import LiveWindow

__all__ = [
    "CONTROL",
    "HEARTBEAT",
    "NOTES",
    "STALE_S",
    "WINDOWS",
    "Control",
    "Side",
    "beat",
    "begin",
    "control_of",
    "folder_of",
    "notes_of",
    "steer",
    "windows_of",
]

CONTROL, HEARTBEAT, WINDOWS, NOTES = "control.json", "heartbeat", "windows.jsonl", "notes.json"
STALE_S = 8.0
"""Seconds without a look after which the page counts as closed (a page looks twice a second)."""
_KEPT_BYTES = 400_000  # of the windows, from their end: some ten minutes


class Side(BaseModel):
    """What runs at one place: a recipe as it was typed, which may turn out to be none, and a backend's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    backend: str


class Control(BaseModel):
    """What a stream is to run: counted up at every change; the sides by place; samples a second, None: all it can."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 0
    sides: dict[str, Side] = {}
    rate: float | None = None


def folder_of(job_id: str) -> Path:
    """The job's folder, also while the job is only just being started."""
    return workspace("jobs", job_id)


def control_of(job_id: str) -> Control:
    """What the stream is to run now; nothing, if nobody has said."""
    value = read_json(folder_of(job_id) / CONTROL)
    return Control() if value is None else decode(Control, value)


def begin(job_id: str, sides: dict[str, Side], rate: float | None) -> None:
    """The stream's side: it is there, and runs this unless the page has said otherwise already."""
    (folder_of(job_id) / HEARTBEAT).touch()
    if control_of(job_id).version == 0:
        _write(job_id, Control(version=1, sides=sides, rate=rate))


def steer(job_id: str, sides: dict[str, Side], rate: float | None) -> None:
    """Tells the stream what to run from now on; nothing changes if it runs just that.

    Args:
        job_id: the stream's job.
        sides: by place.
        rate: samples a second, or None for as fast as it goes.

    Raises:
        UnknownName: there is no such job.
    """
    job_folder(job_id)
    before = control_of(job_id)
    if (before.sides, before.rate) != (sides, rate):
        _write(job_id, Control(version=before.version + 1, sides=sides, rate=rate))
    beat(job_id)


def _write(job_id: str, control: Control) -> None:
    write_json(folder_of(job_id) / CONTROL, encode(Control, control))


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
        return decode(dict[str, str], read_json(job_folder(job_id) / NOTES) or {})
    except UnknownName:
        return {}
