"""Which children of this process are still at work."""

from __future__ import annotations

import contextlib

import psutil

__all__ = ["left_over"]


def left_over() -> list[str]:
    """Command lines of the children that this program started; one that ends while it is looked at is gone."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            command = " ".join(child.cmdline())
            if "qexplorer" in command:
                found.append(command)
    return found
