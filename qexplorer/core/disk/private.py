"""Folders and files of the workspace that their owner alone can read, whatever an earlier version left."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from qexplorer.core.disk.kinds import FILES, KEPT_KINDS

__all__ = ["create_private", "mend_permissions"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_private(path: Path) -> None:
    """Makes an empty file that its owner alone can read, if there is none; OSError if that cannot be."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def mend_permissions(root: Path) -> int:
    """Takes from everybody else what they may do with the workspace ``root`` and what is in it; says how many changed.

    What is not this program's (its folder may be one that holds other things too) and what is not this user's stays
    as it is. On Windows folders of a user are private by themselves, and modes say nothing.
    """
    if os.name == "nt":
        return 0
    known = {kind.folder.split("/")[0] for kind in KEPT_KINDS}
    ours = [path for path in root.iterdir() if path.name in known or path.name.startswith(tuple(n for n, _ in FILES))]
    changed = sum(_mended(path) for path in ours)
    if len(ours) == len(list(root.iterdir())):
        changed += _closed(root)
    return changed


def _mended(path: Path) -> int:
    changed = int(_closed(path))
    if path.is_dir() and not path.is_symlink():
        for where, folders, files in os.walk(path):
            changed += sum(_closed(Path(where) / name) for name in (*folders, *files))
    return changed


def _closed(path: Path) -> bool:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode) and found.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
            return True
    return False
