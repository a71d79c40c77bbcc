"""Highest resident memory of a process that loads one model and runs it."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["peak_rss_bytes"]

_STATUS = Path("/proc/self/status")


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
