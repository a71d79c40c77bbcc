"""One hostile thing: what it is called, what it attacks, what is right, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EITHER", "LOADS", "REFUSED", "Case", "of_bytes"]

LOADS, REFUSED, EITHER = "loads", "one sentence", "either"


@dataclass(frozen=True, slots=True)
class Case:
    """A hostile file.

    Attributes:
        name: unique, ``family/what``.
        attacks: what would go wrong in a program that believed the file.
        right: LOADS, REFUSED (one sentence), or EITHER.
        make: writes it into an empty folder and returns the path to open.
    """

    name: str
    attacks: str
    right: str
    make: Callable[[Path], Path]


def of_bytes(name: str, attacks: str, right: str, data: Callable[[], bytes] | bytes, file: str) -> Case:
    """A case that is one file called ``file``."""

    def make(folder: Path) -> Path:
        path = folder / file
        path.write_bytes(data if isinstance(data, bytes) else data())
        return path

    return Case(name, attacks, right, make)
