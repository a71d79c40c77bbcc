"""Lets whoever waits for a backend know that it compiles or converts a file just now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Event

__all__ = ["OnPreparing", "prepare_here", "prepares_here", "preparing", "tell_preparing"]

OnPreparing = Callable[[Path | None, int | None], None]
"""Told a file and the batch size that it is prepared for (None: it has none); ``(None, None)`` when that is over."""

_HERE = Event()
_TELL: ContextVar[OnPreparing | None] = ContextVar("tell_preparing", default=None)


def tell_preparing(tell: OnPreparing | None) -> None:
    """Has ``tell`` told whenever a backend prepares a file, from now on; None: nobody is told any more."""
    _TELL.set(tell)


def prepare_here() -> None:
    """Has this process, which is there for that, prepare files itself from now on, instead of in a child for each."""
    _HERE.set()


def prepares_here() -> bool:
    """Whether this process prepares files itself."""
    return _HERE.is_set()


@contextmanager
def preparing(path: Path, shapes: Iterable[tuple[int, ...]]) -> Iterator[None]:
    """Around the seconds that a backend needs before ``path`` can answer inputs of ``shapes``."""
    tell = _TELL.get()
    if tell is None:
        yield
        return
    tell(path, next((int(shape[0]) for shape in shapes if shape), None))
    try:
        yield
    finally:
        tell(None, None)
