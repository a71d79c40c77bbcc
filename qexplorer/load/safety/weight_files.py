"""Files that lie beside a model and hold its weights: opened only if they are what they seem."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

__all__ = ["digest_beside", "open_plain"]


def open_plain(path: Path) -> int:
    """A descriptor of a regular file that has one name only.

    Raises:
        OSError: it is a symbolic link, has a second name (a hard link), is a pipe or a device, or is not there.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise OSError("it is a link or not a regular file")
    return handle


def digest_beside(folder: Path, location: str) -> str | None:
    """SHA-256 of a file of external weights; None if it is gone or is not a plain file."""
    try:
        with os.fdopen(open_plain(folder / location), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
