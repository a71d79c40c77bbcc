"""A registry of named things: formats, calibrators, backends, meters.

How to add a plug-in: write one small file, build the object, and call ``REGISTRY.add(object)`` where the
registry is defined. The same name twice is an error, never a silent replacement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from qexplorer.core.errors import UnknownName

__all__ = ["Named", "Registry"]


class Named(Protocol):
    """Anything with a stable short name."""

    @property
    def name(self) -> str:
        """The name a person types."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Named things of one kind, in the order they were added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, entry: T) -> T:
        """Adds ``entry`` under its name; raises ValueError if the name is taken."""
        if entry.name in self._entries:
            raise ValueError(f"{self.kind} '{entry.name}' is registered twice")
        self._entries[entry.name] = entry
        return entry

    def get(self, name: str) -> T:
        """The entry called ``name``; raises UnknownName with the known names."""
        if name not in self._entries:
            raise UnknownName.among(self.kind, name, self._entries)
        return self._entries[name]

    def names(self) -> tuple[str, ...]:
        """All names, in the order they were added."""
        return tuple(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)
