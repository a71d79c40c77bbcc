"""Kept things to try the workspace's order on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from qexplorer.core.disk import owners
from qexplorer.core.workspace import workspace

MB = 10**6


def put(folder: str, name: str, size_bytes: int, *, hours_ago: float, within: str | None = None) -> Path:
    """A kept file of ``size_bytes`` that was last used ``hours_ago``; in a folder of its own if ``within`` names it."""
    home = workspace(*folder.split("/"), *((within,) if within else ()))
    path = home / name
    path.write_bytes(b"x" * size_bytes)
    then = time.time() - 3600 * hours_ago
    os.utime(path, (then, then))
    if within:
        os.utime(home, (then, then))
    return home if within else path


def name_of_the_dead(purpose: str) -> str:
    """A name as a process of this machine gives it that has ended since."""
    code = f"from qexplorer.core.disk.owners import own_prefix; print(own_prefix({purpose!r}), end='')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert owners.is_owned(done.stdout)
    return done.stdout
