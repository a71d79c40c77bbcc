"""Who works in the workspace now, so that nothing is removed that running work uses."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.disk.owners import is_abandoned

__all__ = ["FOLDER", "WorkMark", "marks"]

FOLDER = "working"
_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class WorkMark:
    """One process at work.

    Attributes:
        since: when the work began, seconds since the epoch; what was used later may be in use.
        names: digests of what it was asked to work on.
    """

    since: float
    names: tuple[str, ...]

    def uses(self, name: str, last_used: float) -> bool:
        """Whether the work may use what is kept as ``name``."""
        named = any(name.startswith(each) or (len(name) >= _SHORTEST and each.startswith(name)) for each in self.names)
        return named or last_used >= self.since


def marks(root: Path) -> list[WorkMark]:
    """Those who work in the workspace ``root`` now."""
    found = []
    with contextlib.suppress(OSError):
        for path in (root / FOLDER).iterdir():
            if is_abandoned(path):
                continue
            with contextlib.suppress(OSError):
                since, names = path.stat().st_mtime, _names(path)
                found.append(WorkMark(since, names))
    return found


def _names(path: Path) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(path.read_bytes())))
    except ValueError:  # just being written
        return ()
