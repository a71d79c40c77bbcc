"""Where the lines are: one folder for all programs of a person on this machine, whatever their workspaces."""

from __future__ import annotations

import contextlib
import os
from functools import lru_cache
from pathlib import Path

from qexplorer.core.errors import InputError
from qexplorer.core.workspace import host_workspace
from qexplorer.process.places.line import HAS_LOCKS, Line

__all__ = ["forget_lines", "line_called", "places_here"]


def line_called(name: str) -> Line | None:
    """The line of this name; None where the system has no locks, or no folder for them: then nobody waits.

    It is in ``/tmp/qexplorer-<user>``, a name that does not depend on how a program was started (as the session's
    runtime folder and ``TMPDIR`` do), or in the workspace where somebody else has that name; ``QEXPLORER_PLACES`` names
    another.
    """
    return _line_in(os.environ.get("QEXPLORER_PLACES"), name) if HAS_LOCKS else None


@lru_cache(maxsize=8)
def _line_in(named: str | None, name: str) -> Line | None:
    homes = [Path(named)] if named else [Path("/tmp") / f"qexplorer-{os.getuid()}", None]  # noqa: S108 - checked below
    for home in homes:
        with contextlib.suppress(OSError, InputError):
            folder = (host_workspace("places") if home is None else home) / name
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            if all(_is_ours(each) for each in (folder.parent, folder)):
                line = Line(folder, places_here())
                line.sweep()
                return line
    return None


def _is_ours(folder: Path) -> bool:
    """Whether nobody else could have made the folder, or can write into it."""
    found = folder.lstat()
    return folder.is_dir() and not folder.is_symlink() and found.st_uid == os.getuid() and not found.st_mode & 0o022


def forget_lines() -> None:
    """Has folders looked for anew: somebody may have tidied them up."""
    _line_in.cache_clear()


def places_here() -> int:
    """How many pieces of work may run beside each other: one for each processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
