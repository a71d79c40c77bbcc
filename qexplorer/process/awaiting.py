"""Waiting for the end of a child without asking again and again whether it has come.

``Popen.wait(timeout)`` asks twenty times a second; the threads of a server that has thirty children to wait for then
take the interpreter from its pages six hundred times a second. Linux tells the end through a file descriptor.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from types import TracebackType

__all__ = ["Awaited"]


class Awaited:
    """A child whose end somebody waits for; a context manager.

    Args:
        child: which its caller has started and nobody else waits for.
    """

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child, self._fd = child, -1

    def __enter__(self) -> Awaited:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # an old kernel, a sandbox, or it has been waited for
                self._fd = os.pidfd_open(self._child.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def ends_within(self, seconds: float) -> bool:
        """Waits at most so long; whether the child has ended, and is waited for."""
        if self._fd >= 0:
            look = select.poll()  # select() takes no descriptor above 1023
            look.register(self._fd, select.POLLIN)
            if not look.poll(seconds * 1000):
                return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(0 if self._fd >= 0 else seconds)
            return True
        return False
