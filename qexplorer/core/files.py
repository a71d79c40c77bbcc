"""Files that are either whole or not there, and names that any system takes."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.errors import InputError

__all__ = ["file_name", "write_atomically"]


def write_atomically(path: Path, data: bytes) -> Path:
    """Writes ``data`` to ``path`` so that a reader sees the old file or the new one, never a part.

    Raises:
        InputError: if the folder does not exist or cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=own_prefix("part"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot be written ({reason})", where=str(path), do="choose another folder") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def file_name(*parts: str) -> str:
    """A file's name of ``parts``, the last one its ending (``.onnx``), with nothing that a system or a shell minds."""
    *stems, ending = parts
    kept = (re.sub(r"[^\w.+]+", "-", stem).strip("-.") for stem in stems)
    return "-".join(stem for stem in kept if stem)[:120] + ending
