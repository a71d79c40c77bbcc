"""The child's side of reading a stranger's data: has the reader that takes the file read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qexplorer.core.disk.limit import make_room
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.datasets.untrusted import save_kept
from qexplorer.load.readers.registry import reader_of
from qexplorer.process.child import Emit

__all__ = ["read_file"]


def read_file(arguments: dict[str, Any], emit: Emit) -> None:
    """Reads ``arguments["path"]`` and writes plain arrays to the folder ``arguments["target"]``.

    Raises:
        DataError: naming the file, what is wrong with it and what is allowed.
        InputError: the workspace has no room for the arrays.
    """
    path = Path(arguments["path"])
    emit({"event": "step", "step": f"reading {path.name}"})
    size = arguments.get("size")
    raw = reader_of(path).read(path, (int(size[0]), int(size[1])) if size else None)
    emit({"event": "step", "step": "keeping the arrays"})
    make_room(_size_bytes(raw))
    save_kept(raw, Path(arguments["target"]))


def _size_bytes(raw: RawData) -> int:
    """Bytes of the arrays, as they will lie on disk."""
    parts = (raw.evaluation, raw.calibration)
    return sum(array.nbytes for part in parts if part is not None for array in part.inputs.values())
