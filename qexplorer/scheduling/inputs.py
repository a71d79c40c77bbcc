"""Files that tasks read, in the workspace by the digest of their bytes: written once, found by everybody."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.contents import used
from qexplorer.core.disk.limit import make_room
from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.disk.room import told_of_disk
from qexplorer.core.errors import InputError
from qexplorer.core.files import is_whole, move_whole
from qexplorer.core.workspace import sha256_bytes, sha256_file, workspace
from qexplorer.scheduling.task import InputFile

__all__ = ["array_input", "bytes_input", "file_input", "input_path", "store_part"]


def file_input(path: Path, sha256: str | None = None) -> InputFile:
    """A file that is there already.

    Args:
        path: of it; it must not change as long as tasks read it.
        sha256: digest of its bytes, where that is known.
    """
    return InputFile(sha256 or sha256_file(path), path)


def bytes_input(data: bytes, ending: str = "") -> InputFile:
    """Bytes as a file; ``ending`` such as ``.json``."""
    return _written(sha256_bytes(data), ending, lambda file: file.write(data))


def array_input(array: Array) -> InputFile:
    """An array as a ``.npy`` file, to be read by ``np.load(path, mmap_mode="r")``."""
    sink = _Digesting()
    np.lib.format.write_array(sink, np.asarray(array), allow_pickle=False)
    return _written(sink.found.hexdigest(), ".npy", lambda file: np.save(file, array, allow_pickle=False))


def input_path(sha256: str, ending: str = "") -> Path:
    """Where the file with this digest is kept in this workspace, or would be."""
    return workspace("inputs") / f"{sha256}{ending}"


def store_part(sender: str, sha256: str, ending: str, offset: int, data: bytes, *, last: bool) -> None:
    """Writes a part of a file that comes from another machine; with the last one it is there.

    Args:
        sender: letters and digits that tell those apart who send the same file at the same time.
        sha256: digest of the whole.
        ending: of its name.
        offset: where the part begins, in bytes; parts come in order.
        data: the part.
        last: whether it is the last one.

    Raises:
        InputError: the disk has no room, or what came is not what was announced.
    """
    path = input_path(sha256, ending)
    if path.is_file():
        return
    part = path.with_name(f"{own_prefix('part')}{sender}-{path.name}")
    with told_of_disk(path):
        if offset == 0:
            make_room(len(data))
        with part.open("wb" if offset == 0 else "r+b") as file:
            file.seek(offset)
            file.write(data)
        if last:
            if not is_whole(part, sha256):
                part.unlink(missing_ok=True)
                raise InputError("a file came damaged", where=path.name, do="start the work again")
            move_whole(part, path)


class _Digesting:
    """Takes bytes as a file does, and keeps their digest alone."""

    def __init__(self) -> None:
        self.found = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.found.update(data)
        return len(data)


def _written(sha256: str, ending: str, write: Callable[[IO[bytes]], Any]) -> InputFile:
    path = input_path(sha256, ending)
    if not path.is_file():
        with told_of_disk(path):
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=own_prefix("part"))
            try:
                with os.fdopen(handle, "wb") as file:
                    write(file)
                move_whole(Path(temporary), path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
    used(path)
    return InputFile(sha256, path)
