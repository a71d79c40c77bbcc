"""What every reader of data files is and does.

How to add one: a file in this folder with a class that follows :class:`Reader` (most derive from :class:`ByEnding`) and
what it brings, at its end::

    ENTRIES = (MyReader(),)

Nothing else has to be touched: the upload in the app, messages and help ask the registry. A reader works in
a child process with limits, on bytes of a stranger: it checks what a file says of its size before it takes memory,
unpickles nothing, and returns what :func:`~qexplorer.load.datasets.raw.checked_split` lets through. A row in
``docs/data.md`` tells what it takes; ``tests/contract/`` checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from qexplorer.core.registry import Ranked
from qexplorer.load.datasets.raw import RawData

__all__ = ["ByEnding", "Reader", "Size"]

Size = tuple[int, int]
"""Height and width to bring pictures to."""


class Reader(Ranked, Protocol):
    """Reads one kind of file, such as ``npz``."""

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings of such files, with the dot; empty for folders, which cannot be uploaded."""
        ...

    @property
    def told(self) -> str:
        """What it takes, for a list of all: ``.zip of class folders``."""
        ...

    @property
    def help(self) -> str:
        """What is to be heeded with such files, a sentence."""
        ...

    def takes(self, path: Path) -> bool:
        """Whether the file or folder at ``path`` is one of these, by its name alone."""
        ...

    def beside(self, path: Path) -> Sequence[Path]:
        """Other files that belong to it and are read as well: a kept copy is stale when one of them changes."""
        ...

    def read(self, path: Path, size: Size | None) -> RawData:
        """The data at ``path``; ``size`` is for readers of pictures. Raises DataError."""
        ...


class ByEnding:
    """A reader of single files that are known by their ending: its name after a dot, unless it says otherwise."""

    name: str
    rank = 1000

    @property
    def endings(self) -> tuple[str, ...]:
        """Its name after a dot."""
        return (f".{self.name}",)

    @property
    def told(self) -> str:
        """The endings."""
        return ", ".join(self.endings)

    def takes(self, path: Path) -> bool:
        """Whether it is no folder and has one of the endings, in any case."""
        return path.suffix.lower() in self.endings and not path.is_dir()

    def beside(self, path: Path) -> Sequence[Path]:  # noqa: ARG002 - the protocol's signature
        """No other file."""
        return ()
