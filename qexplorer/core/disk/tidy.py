"""What every start of the app does to the workspace before it is used."""

from __future__ import annotations

import os
import time
from itertools import chain
from pathlib import Path

from qexplorer.core.disk.contents import children
from qexplorer.core.disk.kinds import KEPT_KINDS, Going
from qexplorer.core.disk.limit import trim
from qexplorer.core.disk.owners import is_abandoned, is_owned, remove
from qexplorer.core.disk.private import mend_permissions
from qexplorer.core.workspace import PEOPLE, VISITOR, host_workspace, workspace

__all__ = ["remove_leftovers", "tidy"]

_PASSING = ("incoming", "scratch", "working")  # nothing stays in these folders
_VISITOR_S = 30 * 86_400.0  # how long somebody who did not sign in is remembered
_UNFINISHED = (".", "making-")  # what earlier versions called files and folders that were not whole yet


def tidy() -> None:
    """Closes the workspace to others, removes what killed processes left, and brings it within its limit; on a shared
    host it also forgets visitors who did not come back for a month.

    From here on this process makes files that its user alone can read: call it in a process of this program only.
    """
    os.umask(0o077)
    root = workspace()
    mend_permissions(root)
    remove_leftovers(root)
    for visitor in children(host_workspace() / PEOPLE):
        if visitor.name.startswith(VISITOR) and time.time() - _last_visit(visitor) > _VISITOR_S:
            remove(visitor)
    trim()


def _last_visit(folder: Path) -> float:
    """When a session of this person was last changed."""
    try:
        return max(path.stat().st_mtime for path in (folder, *children(folder / "sessions")))
    except OSError:  # it is going just now
        return time.time()


def remove_leftovers(root: Path) -> list[Path]:
    """Removes from the workspace ``root`` what belongs to processes that are gone; says what."""
    found = [path for path in _candidates(root) if is_abandoned(path)]
    for path in found:
        remove(path)
    return found


def _candidates(root: Path) -> list[Path]:
    """Everything that some process meant to remove: by its name, or because it lies where nothing stays."""
    owned = [Path(where) / name for where, *names in os.walk(root) for name in chain(*names) if is_owned(name)]
    passing = [path for folder in _PASSING for path in children(root / folder)]
    kept = [kind.folder for kind in KEPT_KINDS if kind.going is Going.OLDEST_FIRST]
    hidden = [path for folder in kept for path in children(root / folder) if path.name.startswith(_UNFINISHED)]
    return list(dict.fromkeys([*owned, *passing, *hidden]))
