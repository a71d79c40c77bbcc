"""A stranger's data file, read in a child process with limits, kept in the workspace as plain arrays.

A copy is kept by the digest of the file, in a folder of .npy files that are mapped into memory when they are wanted:
the second look at a file does not read it again, and memory holds only what is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Split
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.disk.room import told_of_disk
from qexplorer.core.errors import ChildMemory, ChildTimeout, DataError, InputError, QExplorerError
from qexplorer.core.files import is_whole, move_whole, read_sealed, sync, write_sealed
from qexplorer.core.workspace import digest_json, sha256_file, workspace
from qexplorer.load.datasets.raw import MAX_BYTES, RawData
from qexplorer.process.limits import Limits
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import opening

__all__ = ["MAX_FILE_BYTES", "keep_untrusted", "kept_folder", "load_kept", "read_untrusted", "save_kept"]

MAX_FILE_BYTES = 2 * 2**30
"""Largest file, and largest folder of files, that is read."""

_LIMITS = Limits(wall_s=180, cpu_s=180, memory_bytes=3 * MAX_BYTES, file_bytes=MAX_BYTES + 2**20)
_VERSION = 4
_INDEX = "index.json"
_MOST_FILES = 200_000


def read_untrusted(path: Path, *, size: tuple[int, int] | None = None) -> RawData:
    """The data at ``path``, as :func:`keep_untrusted` keeps it, called by the file's stem."""
    return replace(load_kept(keep_untrusted(path, size=size)), name=path.stem)


def kept_folder(key: str) -> Path:
    """Where data is kept under the digest ``key``, or would be."""
    return workspace("data") / key


def keep_untrusted(path: Path, *, size: tuple[int, int] | None = None) -> Path:
    """Reads the data at ``path`` in a child process, unless that was done before, and returns the folder that keeps it.

    Args:
        path: a file or a folder of class folders, which must exist (its ending tells the format); or a folder in which
            data is kept already, which is returned.
        size: height and width to bring image files to.

    Raises:
        DataError: naming the file, what is wrong with it and what is allowed.
    """
    if path.parent == workspace("data") and (path / _INDEX).is_file():
        os.utime(path)
        return path
    try:
        key = digest_json([_VERSION, path.suffix.lower(), size, _fingerprint(path)])
    except OSError as error:
        raise DataError(f"the file cannot be opened ({error.strerror or error})", where=path.name) from None
    kept = kept_folder(key)
    if _index(kept) is None:
        with told_of_disk(workspace("data")), passing_folder("reading", "data") as folder:
            target = Path(folder) / "arrays"
            _read_in_child({"path": str(path.resolve()), "target": str(target), "size": size}, path.name)
            if _index(kept) is None:
                shutil.rmtree(kept, ignore_errors=True)
            try:
                move_whole(target, kept)
            except OSError:  # somebody else read the same file at the same time
                if _index(kept) is None:
                    raise
    os.utime(kept)
    return kept


def _read_in_child(arguments: dict[str, Any], where: str) -> None:
    try:
        with opening():
            run_in_child("qexplorer.load.datasets.child:read_file", arguments, limits=_LIMITS)
    except ChildTimeout:
        raise DataError(
            f"reading took longer than {_LIMITS.wall_s:.0f} s", where=where, do="give fewer samples"
        ) from None
    except ChildMemory:
        raise DataError(
            f"reading needs more than {3 * MAX_BYTES // 2**30} GB of memory", where=where, do="give fewer samples"
        ) from None
    except InputError:
        raise
    except QExplorerError as error:  # the reader, or its whole process, came to an end that nobody foresaw
        raise DataError(f"the file cannot be read ({error.what})", where=where, do="write the file again") from None


def _fingerprint(path: Path) -> str:
    """Digest of a file, or of the names, sizes and times of everything in a folder; checks size on the way.

    What is read with a file (an IDX file's labels lie beside it) counts as well.
    """
    if not path.is_dir():
        _check_size(path.name, path.stat().st_size)
        return sha256_file(path) + _relatives(path)
    found, total, files = hashlib.sha256(), 0, 0
    for folder, _, names in sorted(os.walk(path)):
        for name in sorted(names):
            status = (Path(folder) / name).stat()
            files, total = files + 1, total + status.st_size
            if files > _MOST_FILES:
                raise DataError(f"there are more than {_MOST_FILES} files in the folder", where=path.name)
            _check_size(path.name, total)
            relative = os.path.relpath(folder, path)
            found.update(json.dumps([relative, name, status.st_size, status.st_mtime_ns]).encode())
    return found.hexdigest()


def _relatives(path: Path) -> str:
    """Names, sizes and times of the other files that are read with it; nothing for most files."""
    from qexplorer.load.readers.registry import reader_of

    beside = reader_of(path).beside(path)
    return digest_json([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in beside]) if beside else ""


def _check_size(where: str, size: int) -> None:
    if size == 0:
        raise DataError("the file is empty", where=where, allowed="a file with samples in it")
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"the file has {size / 2**30:.1f} GB",
            where=where,
            allowed=f"at most {MAX_FILE_BYTES // 2**30} GB",
            do="give fewer samples",
        )


def save_kept(raw: RawData, folder: Path) -> None:
    """Writes what a reader found as .npy files and, last, one JSON file with their digests; the child's side."""
    folder.mkdir()
    index: dict[str, Any] = {"classes": raw.classes, "features": raw.features, "notes": raw.notes}
    index |= {"parts": {}, "files": {}}
    index |= {"task": raw.task, "alphabetical": raw.alphabetical, "own_names": dict(raw.own_names)}
    for part, split in (("evaluation", raw.evaluation), ("calibration", raw.calibration)):
        if split is None:
            continue
        names = sorted(split.inputs)
        for number, name in enumerate(names):
            np.save(folder / f"{part}-input-{number}.npy", split.inputs[name], allow_pickle=False)
        for name, extra in (("labels", split.labels), ("groups", split.groups)):
            if extra is not None:
                np.save(folder / f"{part}-{name}.npy", extra, allow_pickle=False)
        index["parts"][part] = names
    for file in sorted(folder.glob("*.npy")):
        sync(file)
        index["files"][file.name] = sha256_file(file)
    write_sealed(folder / _INDEX, json.dumps(index).encode())


def _index(folder: Path) -> dict[str, Any] | None:
    """What :func:`save_kept` wrote of the arrays in ``folder``; None if anything there is not as it was written."""
    written = read_sealed(folder / _INDEX)
    if written is None:
        return None
    index: dict[str, Any] = json.loads(written)
    return index if all(is_whole(folder / name, sha256) for name, sha256 in index["files"].items()) else None


def load_kept(folder: Path) -> RawData:
    """Reads what :func:`save_kept` wrote; inputs are mapped, not read. The name is the folder's.

    Raises:
        DataError: something there is not as it was written, or gone.
    """
    index = _index(folder)
    if index is None:
        raise DataError("the kept copy of this data is damaged", where=folder.name[:12], do="give the file again")
    parts = {}
    for part, names in index["parts"].items():
        inputs = {
            name: np.load(folder / f"{part}-input-{number}.npy", mmap_mode="r", allow_pickle=False)
            for number, name in enumerate(names)
        }
        extras = [folder / f"{part}-{name}.npy" for name in ("labels", "groups")]
        labels, groups = (np.load(path, allow_pickle=False) if path.is_file() else None for path in extras)
        parts[part] = Split(inputs, labels, groups)
    classes, features, notes = (tuple(index[name]) for name in ("classes", "features", "notes"))
    return RawData(
        folder.name,
        parts["evaluation"],
        parts.get("calibration"),
        classes,
        features,
        notes,
        index["task"],
        index["alphabetical"],
        index["own_names"],
    )
