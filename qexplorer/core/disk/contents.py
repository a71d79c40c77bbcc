"""What is in a workspace now: kept things with their size and when they were last used."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.disk.kinds import FILES, KEPT_KINDS, Going, KeptKind
from qexplorer.core.workspace import workspace

__all__ = ["KeptThing", "bytes_by_title", "children", "kept_things", "used"]

_FRESH_S = 30.0  # how fine the time of the last use is


@dataclass(frozen=True, slots=True)
class KeptThing:
    """What is kept under one name: a folder, or the files beside each other that differ in their endings alone.

    Attributes:
        kind: where it lies.
        name: what its files' names begin with.
        paths: of its folder or its files.
        size_bytes: of all of it.
        used: when it was last used, seconds since the epoch.
    """

    kind: KeptKind
    name: str
    paths: tuple[Path, ...]
    size_bytes: int
    used: float


def used(*paths: Path) -> None:
    """Notes that what lies at ``paths`` is used now, so that what was not goes before it; no error if it is gone.

    A file keeps the time of its last change, by which caches know it. What lies outside the workspace is left alone.
    """
    root, now = workspace(), time.time()
    for path in paths:
        with contextlib.suppress(OSError):
            found = path.stat()
            if path.is_relative_to(root) and now - _last_use(found) > _FRESH_S:
                stamp = time.time_ns()
                os.utime(path, ns=(stamp, stamp if path.is_dir() else found.st_mtime_ns))


def _last_use(found: os.stat_result) -> float:
    """Of a file the later of reading and writing; a folder's time of reading is that of any look into it."""
    return found.st_mtime if stat.S_ISDIR(found.st_mode) else max(found.st_atime, found.st_mtime)


def kept_things(root: Path) -> list[KeptThing]:
    """Everything in the workspace ``root`` but the files of :data:`FILES`, in no order."""
    found = []
    inner = {kind.folder for kind in KEPT_KINDS}
    for kind in KEPT_KINDS:
        groups: dict[str, list[Path]] = {}
        for path in children(root / kind.folder):
            if f"{kind.folder}/{path.name}" not in inner:
                groups.setdefault(_stem(path), []).append(path)
        for name, paths in groups.items():
            measured = [_measured(path, newest_inside=kind.going is Going.WHEN_IDLE) for path in paths]
            size, last = sum(size for size, _ in measured), max(last for _, last in measured)
            found.append(KeptThing(kind, name, tuple(paths), size, last))
    return found


def bytes_by_title(root: Path) -> dict[str, int]:
    """Bytes in the workspace ``root`` by what they are called, the largest first; nothing for what takes none."""
    found: dict[str, int] = {}
    for thing in kept_things(root):
        found[thing.kind.title] = found.get(thing.kind.title, 0) + thing.size_bytes
    for path in children(root):
        for start, title in FILES:
            if path.name.startswith(start):
                found[title] = found.get(title, 0) + _measured(path)[0]
    return {title: size for title, size in sorted(found.items(), key=lambda pair: -pair[1]) if size}


def _stem(path: Path) -> str:
    """``abc`` of ``abc.v3.json`` and of the folder ``abc``; a name that begins with a dot is its own."""
    return path.name if path.name.startswith(".") else path.name.split(".")[0]


def children(folder: Path) -> list[Path]:
    """What is in a folder; nothing if there is no such folder."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _measured(path: Path, *, newest_inside: bool = False) -> tuple[int, float]:
    """Bytes of a file, or of everything in a folder, and when it was last used; links are not followed."""
    try:
        own = path.lstat()
        if path.is_symlink() or not path.is_dir():
            return own.st_size, _last_use(own)
        inside = list(_files(path))
    except OSError:  # gone in between
        return 0, 0.0
    newest = max((each.st_mtime for each in inside), default=0.0) if newest_inside else 0.0
    return sum(each.st_size for each in inside), max(own.st_mtime, newest)


def _files(folder: Path) -> Iterator[os.stat_result]:
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.lstat(Path(where) / name)
