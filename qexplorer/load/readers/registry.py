"""All readers of data files, found by reading this folder; to add one, see ``protocol.py``."""

from __future__ import annotations

from pathlib import Path

from qexplorer.core.errors import DataError
from qexplorer.core.registry import Registry
from qexplorer.load.readers.protocol import Reader

__all__ = ["READERS", "readable", "reader_of"]

READERS: Registry[Reader] = Registry("reader", home="qexplorer.load.readers", order=lambda reader: reader.rank)


def reader_of(path: Path) -> Reader:
    """The reader that takes the file or folder at ``path``. Raises DataError, with what can be read."""
    for reader in READERS:
        if reader.takes(path):
            return reader
    ending = f"the ending '{path.suffix}'" if path.suffix else "no ending"
    raise DataError(f"a file with {ending} is not data that can be read", where=path.name, allowed=readable())


def readable(*, uploads: bool = False) -> str:
    """What can be read, as a list within a sentence; with ``uploads`` without folders."""
    *first, last = (reader.told for reader in READERS if reader.endings or not uploads)
    return f"{', '.join(first)} or {last}" if first else last
