"""A child ends when its parent does, however that one ends, with everything that the child has started.

The parent holds the writing end of the child's standard input for as long as it lives, and writes one line to it. When
the parent is gone the system closes that end, and

- Linux: the kernel itself sends SIGKILL to the child's process group (``O_ASYNC``, ``F_SETSIG``, ``F_SETOWN``). No code
  of the child has to run for it, so that a loop which never lets go of the interpreter ends as well; compilers and
  other processes of the group end too, and keep the group's signal alive by the standard input that they inherit.
- macOS: a thread of the child waits for the end of its standard input and ends the group.
- Windows: the same thread ends the child's descendants and then the child.

``PR_SET_PDEATHSIG`` would be one call, but it is tied to the *thread* that started the child: threads of the app end
with each run of a page, and their children with them. A pipe is tied to the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

__all__ = ["end_group", "hold_on"]

_F_SETSIG = 10  # of Linux on every architecture; the module fcntl does not name it


def hold_on(*, group: bool = True) -> None:
    """The child's side, after it has read its one line: from now on it ends when standard input does.

    Args:
        group: whether it leads a group of its own, which ends with it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            _by_kernel(group)
            return
    threading.Thread(target=_by_thread, args=(group,), daemon=True, name="lifeline").start()


def _by_kernel(group: bool) -> None:
    import fcntl
    import select

    fcntl.fcntl(0, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp() if group else os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    gone = select.poll()
    gone.register(0, select.POLLIN)
    if gone.poll(0):  # it was gone before the kernel was asked to tell
        _end(group)


def _by_thread(group: bool) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    _end(group)


def _end(group: bool) -> None:
    if group:
        end_group(os.getpid())
    os._exit(1)


def end_group(pid: int) -> None:
    """Ends a child and everything it started, at once; no error if it is gone."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        return
    import psutil

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.Error):
                each.kill()
