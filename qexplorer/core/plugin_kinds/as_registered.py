"""Answers that follow from a text and from what is plugged in, kept until something else is plugged in."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

from qexplorer.core.formats import FORMATS
from qexplorer.core.plugins import ALGORITHMS, CALIBRATORS

__all__ = ["kept_as_registered"]

T = TypeVar("T")

_MOST = 512


class _PluggedIn:
    """Formats, algorithms and calibrators of a moment; equal to those of another if nothing was plugged in since."""

    __slots__ = ("_entries", "_hash")

    def __init__(self) -> None:
        self._entries: tuple[Any, ...] = (*FORMATS, *ALGORITHMS, *CALIBRATORS)
        self._hash = hash(tuple(map(id, self._entries)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _PluggedIn) and self._entries == other._entries  # by identity first


def kept_as_registered(read: Callable[[str], T]) -> Callable[[str], T]:
    """``read`` with its last answers kept. They are given out again, so they must be values that nobody changes.

    What raises is not kept. A text is read anew after a format, an algorithm or a calibrator was added or replaced.
    """

    @lru_cache(maxsize=_MOST)
    def kept(text: str, _: _PluggedIn) -> T:
        return read(text)

    @wraps(read)
    def asked(text: str) -> T:
        return kept(text, _PluggedIn())

    return asked
