"""Resident memory of a process that loads one model and runs it: the highest, and what it settles at."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["peak_rss_bytes", "rss_bytes", "steady_rss_bytes"]

_STATUS = Path("/proc/self/status")
_LOOKS, _LEAST_LOOKS, _LOOK_S = 40, 3, 0.25


def rss_bytes() -> int:
    """The memory that this process has resident now, bytes."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def steady_rss_bytes(run: Callable[[], object]) -> tuple[int, int]:
    """What resident memory settles at while ``run`` is called again and again: the median of looks after each call.

    The first calls (buffers are made, caches filled) belong before this.

    Returns:
        Bytes, and the number of looks: 40, or as many as fit into a quarter of a second, at least 3.
    """
    looks: list[int] = []
    begin = time.perf_counter()
    while len(looks) < _LEAST_LOOKS or (len(looks) < _LOOKS and time.perf_counter() - begin < _LOOK_S):
        run()
        looks.append(rss_bytes())
    return int(statistics.median(looks)), len(looks)


def peak_rss_bytes() -> int | None:
    """The most memory this process ever had resident, bytes; None where the system does not count it.

    Linux: ``VmHWM``, which starts anew with the program. (``ru_maxrss`` does not: it remembers the size of the process
    that started this one.) macOS: ``ru_maxrss``, bytes there. Windows: the peak working set.
    """
    if sys.platform == "linux":
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
    if sys.platform == "darwin":
        import resource

        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    import psutil

    peak = getattr(psutil.Process().memory_info(), "peak_wset", None)
    return int(peak) if peak is not None else None
