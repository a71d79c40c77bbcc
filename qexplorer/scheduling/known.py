"""What came of tasks, kept under their digests: a sweep that is started again goes on where it was."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from qexplorer.core.disk.contents import used
from qexplorer.core.errors import InputError
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.workspace import workspace
from qexplorer.scheduling.task import SweepTask, TaskEnd

__all__ = ["keep_end", "known_end"]


def known_end(task: SweepTask) -> TaskEnd | None:
    """How the task ended when it was done before; None if it was not, or if it takes timings."""
    if task.exclusive:
        return None
    path = _path(task.digest)
    try:
        found = json.loads(read_sealed(path) or b"")
        end = TaskEnd(task, found["value"], None, found["where"], found["seconds"], known=True)
    except (ValueError, KeyError, TypeError):
        return None
    used(path)
    return end


def keep_end(end: TaskEnd) -> None:
    """Keeps how a task ended, unless it failed or takes timings; nothing is kept on a full disk."""
    if end.error is not None or end.known or end.task.exclusive:
        return
    kept = {"value": end.value, "where": end.where, "seconds": end.seconds}
    with contextlib.suppress(InputError, OSError):
        write_sealed(_path(end.task.digest), json.dumps(kept).encode(), lasting=False)


def _path(digest: str) -> Path:
    return workspace("tasks") / f"{digest}.json"
