"""Calls of a library that prints below Python, without what it prints.

HiGHS as SciPy 1.17 brings it has a line for every solution that it repairs, which neither ``disp`` nor ``output_flag``
turns off; whatever presolving, tolerances and the form of the program are, about one solve in twenty has one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["unprinted"]

_LOCK = threading.Lock()
_inside, _own = 0, -1


@contextmanager
def unprinted() -> Iterator[None]:
    """Sends the process's standard output nowhere; of calls in several threads the last that ends brings it back."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _own
    with _LOCK:
        if _inside == 0:
            _flush()
            try:
                _own = os.dup(1)
            except OSError:  # a process without one
                _own = -1
            else:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.close(nowhere)
        _inside += 1


def _leave() -> None:
    global _inside
    with _LOCK:
        _inside -= 1
        if _inside == 0 and _own >= 0:
            _flush()
            os.dup2(_own, 1)
            os.close(_own)


def _flush() -> None:
    """Python's buffer and C's, so that lines go where they were meant to."""
    with contextlib.suppress(Exception):  # a stream that was closed, or one that a test has put there
        sys.stdout.flush()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Windows finds no C library by no name
        ctypes.CDLL(None).fflush(None)
