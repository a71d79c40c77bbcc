"""The child's side of reading a stranger's data: picks the reader by the file's ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qexplorer.core.errors import DataError
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.datasets.untrusted import save_kept
from qexplorer.load.readers.csv import read_csv
from qexplorer.load.readers.idx import is_idx, read_idx
from qexplorer.load.readers.images import read_image_folder
from qexplorer.load.readers.npz import read_npz
from qexplorer.load.readers.zip import read_zip
from qexplorer.process.child import Emit

__all__ = ["read_file"]

_ALLOWED = ".npz, IDX (.idx3-ubyte, .gz too), .csv, .zip of class folders, or a folder of class folders"


def read_file(arguments: dict[str, Any], emit: Emit) -> None:
    """Reads ``arguments["path"]`` and writes plain arrays to the folder ``arguments["target"]``.

    Raises:
        DataError: naming the file, what is wrong with it and what is allowed.
    """
    path = Path(arguments["path"])
    emit({"event": "step", "step": f"reading {path.name}"})
    size = arguments.get("size")
    raw = _read(path, (int(size[0]), int(size[1])) if size else None)
    emit({"event": "step", "step": "keeping the arrays"})
    save_kept(raw, Path(arguments["target"]))


def _read(path: Path, size: tuple[int, int] | None) -> RawData:
    if path.is_dir():
        return read_image_folder(path, size)
    if is_idx(path):
        return read_idx(path)
    if path.suffix.lower() == ".zip":
        return read_zip(path, size)
    readers: dict[str, Callable[[Path], RawData]] = {".npz": read_npz, ".csv": read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        ending = f"the ending '{path.suffix}'" if path.suffix else "no ending"
        raise DataError(f"a file with {ending} is not data that can be read", where=path.name, allowed=_ALLOWED)
    return reader(path)
