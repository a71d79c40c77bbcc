"""What a disk refuses, in one sentence; and whether there is room, asked before the work and not after it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.errors import InputError

__all__ = ["Reserve", "check_room", "disk_error", "is_full", "told_of_disk"]

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your quota on this disk is used up"}
_CLOSED = {
    errno.EROFS: "cannot be written: this disk can only be read",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOTDIR: "a file stands where a folder must be",
    errno.EEXIST: "a file stands where a folder must be",
}
_MARGIN_BYTES = 1_000_000
_ELSEWHERE = "choose another folder (that of the workspace is named by QEXPLORER_WORKSPACE)"


def disk_error(error: OSError, where: str | Path | None = None) -> InputError | None:
    """What ``error`` says of a disk, as a sentence; None if it is of another kind (a missing file, a broken pipe).

    Args:
        error: what the system raised.
        where: the file or folder, where the error does not name it.
    """
    given = where if error.filename is None else error.filename
    named = None if given is None else str(given)
    if error.errno in _FULL:
        return InputError(
            f"cannot be written: {_FULL[error.errno]}", where=named, do=f"free some of it, or {_ELSEWHERE}"
        )
    if error.errno in _CLOSED:
        return InputError(_CLOSED[error.errno], where=named, do=_ELSEWHERE)
    return None


@contextlib.contextmanager
def told_of_disk(where: str | Path) -> Iterator[None]:
    """Raises what a disk refuses inside as InputError; ``where`` is named where the system names nothing."""
    try:
        yield
    except OSError as error:
        told = disk_error(error, where)
        if told is None:
            raise
        raise told from None


def check_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Makes sure that ``folder`` can be written and has room.

    Args:
        folder: which must exist.
        needed_bytes: that will be written, about.
        what: the work, as the beginning of a sentence: ``comparing``.

    Raises:
        InputError: it cannot be written, or there is too little room.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=own_prefix("probe")) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        error.filename = str(folder)
        other = InputError(f"cannot be written ({error.strerror or error})", where=str(folder), do=_ELSEWHERE)
        raise disk_error(error) or other from None
    free, wanted = shutil.disk_usage(folder).free, needed_bytes + _MARGIN_BYTES
    if free < wanted:
        raise InputError(
            f"the disk has {free / 1e6:,.0f} MB left, and {what} writes about {wanted / 1e6:,.0f} MB",
            where=str(folder),
            do=f"free some of it, or {_ELSEWHERE}",
        )


def is_full(folder: Path) -> bool:
    """Whether hardly anything can be written any more."""
    try:
        return shutil.disk_usage(folder).free < _MARGIN_BYTES / 4
    except OSError:
        return False


class Reserve:
    """Bytes of a disk that are kept free for what must be written at the end.

    Args:
        path: of the file that takes them meanwhile.
        size_bytes: how many.

    Raises:
        InputError: there are not that many.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        with told_of_disk(path), path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size_bytes)
            else:
                file.write(bytes(size_bytes))

    def release(self) -> None:
        """Gives them free; no error if that was done already."""
        self._path.unlink(missing_ok=True)
