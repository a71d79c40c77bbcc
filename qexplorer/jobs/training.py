"""Steering a training from a page: to stop it with its best state, and which layers to look at.

Both are files in the job's folder, so that a reload of the page, or another server, finds the same training.

jobs/<id>/
    stop         there if somebody wants it to end with the best state so far
    look/<n>     touched by the page while somebody looks at layer n
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from qexplorer.core.errors import UnknownName
from qexplorer.jobs.records import job_folder

__all__ = ["look_at", "looked_at", "stop", "stop_asked"]

_LOOKS, _MOST, _STALE_S = "look", 4, 10.0


def stop(job_id: str) -> None:
    """Asks a training to end with the best state so far; nothing happens if it is gone."""
    with contextlib.suppress(UnknownName):
        (job_folder(job_id) / "stop").touch()


def stop_asked(folder: Path) -> bool:
    """The training's side: whether that was asked."""
    return (folder / "stop").exists()


def look_at(job_id: str, layer: int) -> None:
    """Says that somebody looks at a layer, by its place among those that can be looked at."""
    with contextlib.suppress(UnknownName, OSError):
        folder = job_folder(job_id) / _LOOKS
        folder.mkdir(exist_ok=True)
        (folder / str(layer)).touch()


def looked_at(folder: Path, layers: Sequence[str]) -> list[str]:
    """The training's side: layers that somebody has looked at in the last seconds, a few at most."""
    try:
        files = {file.name: time.time() - file.stat().st_mtime for file in (folder / _LOOKS).iterdir()}
    except OSError:
        return []
    fresh = sorted((age, name) for name, age in files.items() if age < _STALE_S and name.isdigit())
    return [layers[int(name)] for _, name in fresh[:_MOST] if int(name) < len(layers)]
