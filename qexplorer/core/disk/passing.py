"""Folders for a while: in the workspace, named after the process that made them, gone with it."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from qexplorer.core.disk.contents import children
from qexplorer.core.disk.owners import is_abandoned, is_owned, own_prefix, remove
from qexplorer.core.disk.room import told_of_disk
from qexplorer.core.workspace import workspace

__all__ = ["passing_folder"]


def passing_folder(purpose: str, home: str = "scratch") -> TemporaryDirectory[str]:
    """An empty folder that only the user can read, and that is gone after its ``with``.

    A process that is killed cleans nothing up, so what such processes left beside it goes first.

    Args:
        purpose: what it is for, one lower-case word; a part of its name.
        home: the folder of the workspace in which it is made.

    Raises:
        InputError: the disk refuses it.
    """
    where = workspace(home)
    for path in children(where):
        if is_owned(path.name) and is_abandoned(path):
            remove(path)
    with told_of_disk(where):
        return TemporaryDirectory(dir=where, prefix=own_prefix(purpose), ignore_cleanup_errors=True)
