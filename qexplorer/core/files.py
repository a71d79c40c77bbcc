"""Files that are either whole or not there, what shows that they still are, and names that any system takes.

What is kept so that it need not be made again is believed only while it is what was written: a reader gets None
otherwise, and makes it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO

from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.disk.room import disk_error
from qexplorer.core.errors import InputError

__all__ = [
    "copy_atomically",
    "file_name",
    "given_path",
    "is_whole",
    "move_whole",
    "one_at_a_time",
    "read_sealed",
    "sha256_once",
    "sync",
    "write_atomically",
    "write_sealed",
]

_SEAL = b"\nsha256 "
_SEAL_BYTES = len(_SEAL) + 64


def write_atomically(path: Path, data: bytes) -> Path:
    """Writes ``data`` to ``path`` so that a reader sees the old file or the new one, never a part, also if the power
    fails.

    Raises:
        InputError: if the folder does not exist, cannot be written, or has no room.
    """
    with _whole(path) as file:
        file.write(data)
    return path


def copy_atomically(source: Path, path: Path) -> Path:
    """Copies a file in pieces; as :func:`write_atomically`."""
    with source.open("rb") as given, _whole(path) as file:
        shutil.copyfileobj(given, file, 2**20)
    return path


@contextlib.contextmanager
def _whole(path: Path, *, lasting: bool = True) -> Iterator[IO[bytes]]:
    """A file that becomes ``path`` once it is written (``lasting``: to the disk), and is gone if that fails."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=own_prefix("part"))
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                if lasting:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).replace(path)
            if lasting:
                sync(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        error.filename = str(path)  # not that of the passing file
        reason = error.strerror or str(error)
        other = InputError(f"cannot be written ({reason})", where=str(path), do="choose another folder")
        raise disk_error(error) or other from None


def sync(path: Path) -> None:
    """Has the system write a file, or the names in a folder, to the disk now (folders not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def move_whole(written: Path, path: Path) -> None:
    """Gives a file that is written, or a folder with such files, its name, to be found after a failure of power."""
    sync(written)
    written.replace(path)
    sync(path.parent)


def write_sealed(path: Path, data: bytes, *, lasting: bool = True) -> Path:
    """Writes ``data`` as :func:`write_atomically` does, with its digest behind it, for :func:`read_sealed`.

    Args:
        path: where to.
        data: what is read back.
        lasting: whether it is to be there after a failure of power too; waiting for the disk takes milliseconds.
    """
    with _whole(path, lasting=lasting) as file:
        file.write(data + _seal(data))
    return path


def read_sealed(path: Path) -> bytes | None:
    """What :func:`write_sealed` wrote; None if there is nothing, or something else."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    data = found[:-_SEAL_BYTES]
    return data if found[-_SEAL_BYTES:] == _seal(data) else None


@contextlib.contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Keeps two processes from making the same thing: the second waits, and then finds it.

    Without ``fcntl`` (Windows), or where ``lock`` cannot be written, both make it, and write the same.
    """
    with contextlib.ExitStack() as held:
        if sys.platform != "win32":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(held.enter_context(lock.open("a")), fcntl.LOCK_EX)
        yield


def _seal(data: bytes) -> bytes:
    return _SEAL + hashlib.sha256(data).hexdigest().encode()


def is_whole(path: Path, sha256: str) -> bool:
    """Whether the file at ``path`` has this digest. Read once, and again when its size or times have changed."""
    try:
        return sha256_once(path) == sha256
    except OSError:
        return False


def sha256_once(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, which is read once, and again when its size or times have changed.

    Raises:
        OSError: it cannot be read.
    """
    status = path.stat()
    return _digest(path, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=256)
def _digest(path: Path, *stamp: int) -> str:  # noqa: ARG001 - the stamp is part of the key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def given_path(source: str | Path) -> Path:
    """What a person gave as a path, with ``~`` filled in; nothing need be there.

    Raises:
        InputError: it can be no path here: too long, in a folder that may not be looked into, of no such user.
    """
    try:
        path = Path(source).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        what = f"there can be no file of this name ({reason.strip('.')})"
        raise InputError(what, where=str(source), do="check the path") from None
    return path


def file_name(*parts: str) -> str:
    """A file's name of ``parts``, the last one its ending (``.onnx``), with nothing that a system or a shell minds."""
    *stems, ending = parts
    kept = (re.sub(r"[^\w.+]+", "-", stem).strip("-.") for stem in stems)
    return "-".join(stem for stem in kept if stem)[:120] + ending
