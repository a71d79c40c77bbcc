"""What a child process may use before it is ended."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass

__all__ = ["Limits", "apply_limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one child process; None means none.

    Attributes:
        wall_s: seconds from its start (kept by the parent).
        cpu_s: seconds of processor time.
        memory_bytes: address space.
        file_bytes: size of the largest file it may write.
        nice: added to its scheduling priority, so that a page stays quick.
    """

    wall_s: float | None = None
    cpu_s: int | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    nice: int = 0


def apply_limits(limits: Limits) -> None:
    """Applies ``limits`` to this process, as far as the system has them (none of the resource limits on Windows)."""
    if sys.platform == "win32":
        return
    import resource

    if limits.nice:
        with contextlib.suppress(OSError):
            os.nice(limits.nice)

    wanted = (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, value in wanted:
        if value is not None:
            # a soft limit of time ends the process with SIGXCPU, which says why; a hard one with a bare SIGKILL
            hard = value + 2 if kind == resource.RLIMIT_CPU else value
            with contextlib.suppress(ValueError, OSError):  # a lower limit of the system stays in force
                resource.setrlimit(kind, (value, hard))
