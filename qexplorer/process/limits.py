"""What a child process may use before it is ended, and what this machine and its user allow at all."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from qexplorer.core.errors import InputError

__all__ = ["BASE", "FACTOR", "MOST_MEMORY", "Limits", "apply_limits", "granted", "machine_bytes", "raise_data_limit"]

FACTOR = "QEXPLORER_LIMITS"
"""Environment variable: a number that multiplies what a child may take and how long it may go on; ``off``: no limits
(those of loading a file stay)."""
MOST_MEMORY = "QEXPLORER_MEMORY_GB"
"""Environment variable: gigabytes that no child may exceed whatever it works on; by default 80 % of the machine's."""

_SHARE = 0.8
_SUDDEN = 2 * 2**30
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one child process; None means none.

    Attributes:
        wall_s: seconds from its start (kept by the parent).
        cpu_s: seconds of processor time.
        memory_bytes: address space.
        file_bytes: size of the largest file it may write.
        nice: added to its scheduling priority, so that a page stays quick.
        resident_bytes: memory that it and its helpers really take, files that are mapped not counted (kept by the
            parent, which looks five times a second).
        quiet_s: seconds of computing without a sign of progress (kept by the parent, see ``watch``).
    """

    wall_s: float | None = None
    cpu_s: int | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    nice: int = 0
    resident_bytes: int | None = None
    quiet_s: float | None = None


BASE = Limits(resident_bytes=4 * 2**30, quiet_s=120.0)
"""Of work on a model and samples of which nothing is known yet; ``graph.allowance`` says what they may ask for."""


def granted(limits: Limits) -> Limits:
    """``limits`` as the user has changed them, and never more memory than this machine can give.

    Raises:
        InputError: what the user has set is no number above 0.
    """
    typed = os.environ.get(FACTOR, "").strip().lower()
    if typed == "off":
        return replace(limits, resident_bytes=None, quiet_s=None)
    factor = _number(FACTOR, "a factor above 0 such as 4, or off") or 1.0
    memory, quiet = limits.resident_bytes, limits.quiet_s
    most = _number(MOST_MEMORY, "gigabytes above 0, such as 8") * 2**30 or _SHARE * machine_bytes()
    return replace(
        limits,
        resident_bytes=None if memory is None else int(min(memory * factor, most)),
        quiet_s=None if quiet is None else quiet * factor,
    )


def _number(variable: str, allowed: str) -> float:
    """The number in an environment variable; 0 where it is not set."""
    text = os.environ.get(variable, "").strip()
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = math.nan
    if text and not (math.isfinite(value) and value > 0):
        raise InputError(f"'{text}' is no limit", where=variable, allowed=allowed, do="correct or unset it")
    return value


@cache
def machine_bytes() -> int:
    """Memory of this machine, or of the container in which this process runs."""
    import psutil

    total = int(psutil.virtual_memory().total)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
            total = min(total, int(Path(path).read_text(encoding="ascii")))
    return total


def apply_limits(limits: Limits) -> None:
    """Applies ``limits`` to this process, as far as the system has them (none of the resource limits on Windows).

    They are soft limits: a child of this one may have been given others.
    """
    if sys.platform == "win32":
        return
    import resource

    if limits.nice:
        with contextlib.suppress(OSError):
            os.nice(limits.nice)
    _make_way()
    _set(resource.RLIMIT_CPU, limits.cpu_s)  # SIGXCPU, which says why
    _set(resource.RLIMIT_AS, limits.memory_bytes)
    _set(resource.RLIMIT_FSIZE, limits.file_bytes)
    _set(resource.RLIMIT_CORE, 0)
    raise_data_limit(limits.resident_bytes)


def _make_way() -> None:
    """Gives this process's scheduling group the priority of the process.

    Linux shares processors between sessions first and between the processes of one after that (sched(7), the autogroup
    feature): without this, a child in a session of its own takes as much as the server and all its pages, whatever its
    niceness.
    """
    if sys.platform == "linux" and os.getsid(0) == os.getpid():
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        for _ in range(_TRIES if nice > 0 else 0):
            try:
                Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
            except BlockingIOError:  # the kernel takes ten such wishes a second
                time.sleep(0.1)
                continue
            except OSError:  # or has no such groups
                pass
            return


def raise_data_limit(resident_bytes: int | None) -> None:
    """Lets the kernel refuse what would go far beyond ``resident_bytes`` at once, before anybody can look.

    It counts private memory that was asked for (``RLIMIT_DATA``), not address space: libraries reserve gigabytes of
    that and map gigabytes of weights, which cost nothing. Not where there is a GPU of NVIDIA's, whose driver maps
    memory of its own.
    """
    if sys.platform == "linux" and resident_bytes is not None and not Path("/proc/driver/nvidia").exists():
        import resource

        _set(resource.RLIMIT_DATA, resident_bytes + max(resident_bytes // 2, _SUDDEN))


def _set(kind: int, value: int | None) -> None:
    import resource

    if value is not None:
        with contextlib.suppress(ValueError, OSError):  # a lower limit of the system stays in force
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))
