"""Files and folders that belong to a process while it lives: their names say whose they are.

``.reading-<host>-<pid>-<start>-x8f2`` is removed at the next start if that very process is gone. Nobody can ask
whether a process of another machine lives, so what one of those left goes after a day.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
import zlib
from functools import lru_cache
from pathlib import Path

__all__ = ["is_abandoned", "is_owned", "own_prefix", "remove"]

FOREIGN_S = 86_400.0
_CLOCK_S = 60.0  # a system's clock may be set between two questions for one process's start
_FORM = re.compile(r"\.[a-z]+-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-")


def own_prefix(purpose: str) -> str:
    """What the names of this process's own passing files begin with; ``purpose`` is one lower-case word."""
    return f".{purpose}-{_host()}-{_own(os.getpid())}-"


def is_owned(name: str) -> bool:
    """Whether a name begins as :func:`own_prefix` says."""
    return _FORM.match(name) is not None


def is_abandoned(path: Path) -> bool:
    """Whether ``path`` belongs to a process that is gone, or has no owner that can be asked and was left for a day."""
    found = _FORM.match(path.name)
    if found is not None and found["host"] == _host():
        return not _is_alive(int(found["pid"]), int(found["start"]))
    try:
        return time.time() - path.stat().st_mtime > FOREIGN_S
    except OSError:  # somebody was faster
        return False


def remove(path: Path) -> None:
    """Removes a file, or a folder with everything in it; no error if it cannot be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


@lru_cache(maxsize=1)
def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


@lru_cache(maxsize=2)
def _own(pid: int) -> str:
    """Process id and start of this process; ``pid`` is part of the key, because a fork is another process."""
    import psutil

    return f"{pid}-{int(psutil.Process(pid).create_time())}"


def _is_alive(pid: int, start: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - start) < _CLOCK_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
