"""A registry of named things, filled from the folder in which they live.

How to add a plug-in: write one small file in the folder that ``plugins.py`` names for its kind, with a class that
follows the kind's protocol, and name what it brings at the end of the file::

    ENTRIES = (MyFormat(),)

Nothing else has to be touched: the folder is read when somebody first asks for a name. A file without ``ENTRIES``
is a helper of its neighbours. A folder inside does the same for a family: its ``__init__`` ends with
``ENTRIES = entries_in(__name__, __path__)``. The same name twice is an error, never a silent replacement.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar

from qexplorer.core.errors import UnknownName

__all__ = ["Named", "Ranked", "Registry", "entries_in"]


class Named(Protocol):
    """Anything with a stable short name."""

    @property
    def name(self) -> str:
        """The name a person types."""
        ...


class Ranked(Named, Protocol):
    """A named thing that says where it stands among those of its kind."""

    @property
    def rank(self) -> int:
        """Its place in lists, the lowest first."""
        ...


T = TypeVar("T", bound=Named)


def entries_in(package: str, path: Iterable[str]) -> tuple[Any, ...]:
    """What the modules and packages of ``package`` bring, which lies at ``path``, in the order of their names."""
    found: list[Any] = []
    for module in sorted(pkgutil.iter_modules(path), key=lambda item: item.name):
        found.extend(getattr(import_module(f"{package}.{module.name}"), "ENTRIES", ()))
    return tuple(found)


class Registry(Generic[T]):
    """Named things of one kind: those of the home folder in the order of its files' names, then those that were added.

    Args:
        kind: what one entry is called in messages, such as ``number format``.
        home: dotted name of the package whose modules (and packages, one level deep) bring ``ENTRIES``.
        order: what the home's entries are sorted by; None: they stay in the order of their files' names.
    """

    def __init__(self, kind: str, home: str | None = None, *, order: Callable[[T], float] | None = None) -> None:
        self.kind = kind
        self.home = home
        self._order = order
        self._entries: dict[str, T] = {}
        self._read = home is None
        self._lock = RLock()

    def add(self, entry: T) -> T:
        """Adds ``entry`` under its name; raises ValueError if the name is taken."""
        with self._lock:
            self._fill()
            return self._add(entry)

    def get(self, name: str) -> T:
        """The entry called ``name``; raises UnknownName with the known names."""
        entries = self._all()
        if name not in entries:
            raise UnknownName.among(self.kind, name, entries)
        return entries[name]

    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(self._all())

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._all().values()))

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, T]:
        if not self._read:
            with self._lock:
                self._fill()
        return self._entries

    def _fill(self) -> None:
        """Reads the home folder once. A half-read folder is never seen: the flag is set last, under the lock."""
        if self._read or self.home is None:
            return
        found: tuple[T, ...] = entries_in(self.home, import_module(self.home).__path__)
        if self._read:  # an entry's own import asked for a name: the folder was read inside this call
            return
        for entry in found if self._order is None else sorted(found, key=self._order):
            self._add(entry)
        self._read = True

    def _add(self, entry: T) -> T:
        if entry.name in self._entries:
            raise ValueError(f"{self.kind} '{entry.name}' is registered twice")
        self._entries[entry.name] = entry
        return entry
