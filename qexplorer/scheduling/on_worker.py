"""What a worker of a Dask cluster runs for us. Arguments and answers are plain data.

A worker does a task as this machine would: in a child with limits and in the line for its machine. It keeps what came
of it.
"""

from __future__ import annotations

import json
import os
import platform
import threading
from pathlib import Path
from typing import Any

from qexplorer import __version__
from qexplorer.core.disk.contents import used
from qexplorer.process.limits import Limits, machine_bytes
from qexplorer.process.places.homes import places_here
from qexplorer.scheduling.inputs import input_path, store_part
from qexplorer.scheduling.known import keep_end, known_end
from qexplorer.scheduling.program import computing_packages, program_digest
from qexplorer.scheduling.task import InputFile, SweepTask, TaskEnd
from qexplorer.scheduling.working_child import WorkingChild

__all__ = ["about", "cancel", "do", "lacking", "put", "wire_of"]

_CANCELLED: set[str] = set()
_OWN = threading.local()
_DONE = [0]


def about() -> dict[str, Any]:
    """What this worker is, and how many tasks it has done."""
    return {
        "machine": platform.node(),
        "version": __version__,
        "program": program_digest(),
        "packages": dict(computing_packages()),
        "cores": places_here(),
        "memory_bytes": machine_bytes(),
        "done": _DONE[0],
    }


def lacking(files: list[list[str]]) -> list[list[str]]:
    """Those of ``files`` (digest and ending) that are not in this worker's workspace."""
    return [[sha256, ending] for sha256, ending in files if not input_path(sha256, ending).is_file()]


def _identities(files: list[list[str]]) -> list[tuple[int, int] | None]:
    """What tells a file from another one of its name that came later; None where there is none."""
    found: list[tuple[int, int] | None] = []
    for sha256, ending in files:
        try:
            status = input_path(sha256, ending).stat()
            found.append((status.st_ino, status.st_mtime_ns))
        except OSError:
            found.append(None)
    return found


def put(sender: str, sha256: str, ending: str, offset: int, data: bytes, last: bool) -> None:
    """Takes a part of a file, as ``inputs.store_part``."""
    store_part(sender, sha256, ending, offset, data, last=last)


def cancel(sweep: str) -> None:
    """Ends what is done here for a sweep, within a second."""
    _CANCELLED.add(sweep)


def wire_of(task: SweepTask, sweep: str) -> str:
    """A task as :func:`do` takes it."""
    from dataclasses import asdict

    return json.dumps(
        {
            "sweep": sweep,
            "digest": task.digest,
            "target": task.target,
            "order": dict(task.order),
            "inputs": {name: [file.sha256, file.path.suffix] for name, file in task.inputs.items()},
            "exclusive": task.exclusive,
            "limits": asdict(task.limits),
        }
    )


def do(wire: str) -> dict[str, Any]:
    """Does a task.

    Returns:
        ``value``, ``error`` (one of them None), ``where`` and ``seconds``; or ``lacking``: the files without which it
        cannot be done; or ``other``: what this worker is, if it would do another task than the one that was meant.
    """
    asked = json.loads(wire)
    files = {name: InputFile(sha, input_path(sha, ending)) for name, (sha, ending) in asked["inputs"].items()}
    wanted = list(asked["inputs"].values())
    if missing := lacking(wanted):
        return {"lacking": missing}
    found = _identities(wanted)
    limits = Limits(**asked["limits"])
    task = SweepTask(asked["target"], asked["order"], files, exclusive=asked["exclusive"], limits=limits)
    if task.digest != asked["digest"]:
        return {"other": about()}
    used(*(file.path for file in files.values()))
    end = known_end(task) or _done(task, asked["sweep"])
    if end.error is not None and _identities(wanted) != found:
        return {"lacking": lacking(wanted)}  # somebody tidied up meanwhile, and another worker may have got them anew
    error = None if end.error is None else end.error.to_json()
    return {"value": end.value, "error": error, "where": end.where, "seconds": end.seconds}


def _done(task: SweepTask, sweep: str) -> TaskEnd:
    if not hasattr(_OWN, "child"):
        _OWN.child = WorkingChild(_name())
    child: WorkingChild = _OWN.child
    paths = {name: str(file.path) for name, file in task.inputs.items()}
    end = child.do(task, paths, lambda: sweep in _CANCELLED)
    keep_end(end)
    _DONE[0] += end.error is None
    return end


def _name() -> str:
    """Of this machine and this process of it."""
    return f"{Path(platform.node()).name}, process {os.getpid()}"
