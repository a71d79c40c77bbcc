"""Looks at processors, memory and GPUs while a child process works, from the process that waits for it.

A look costs 0.05 ms of the parent's time on a machine with 2 processors and no GPU (``benchmarks/noise.py`` measures
it); at 4 looks a second that is less than a thousandth of one processor, and none of it is in the process that is
timed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from qexplorer.core.usage import GpuSample, Usage, UsageSample

__all__ = ["EVERY_S", "UsageLog", "UsageSample", "UsageSampler"]

EVERY_S = 0.25
"""Seconds between two looks of :class:`UsageLog`."""


class UsageSampler:
    """Looks when it is asked to.

    Use as ``UsageSampler(pid).sample()``, again and again; what is busy is counted from one look to the next, and the
    first one from the making. :meth:`close` lets go of the GPU driver.

    Args:
        pid: process whose memory is read; None for none.
    """

    def __init__(self, pid: int | None = None) -> None:
        import psutil

        self._process: psutil.Process | None = None
        if pid is not None:
            with contextlib.suppress(psutil.Error):
                self._process = psutil.Process(pid)
        self._nvml, self._gpus = _nvml()
        self._begin = time.perf_counter()
        self._last = _times()

    def sample(self) -> UsageSample:
        """One look. Never raises: what cannot be read any more is None."""
        now = _times()
        percent = tuple(_percent(before, after) for before, after in zip(self._last, now, strict=False))
        self._last = now
        gpus = tuple(self._gpu(handle) for handle in self._gpus)
        return UsageSample(time.perf_counter() - self._begin, percent, self._rss(), gpus)

    def close(self) -> None:
        """Lets go of the GPU driver; looking goes on without GPUs."""
        self._gpus = []
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            self._nvml = None

    def _rss(self) -> int | None:
        import psutil

        if self._process is None:
            return None
        with contextlib.suppress(psutil.Error):
            return int(self._process.memory_info().rss)
        return None

    def _gpu(self, handle: Any) -> GpuSample:
        percent = memory = None
        with contextlib.suppress(self._nvml.NVMLError):
            percent = float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        with contextlib.suppress(self._nvml.NVMLError):
            memory = int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used)
        return GpuSample(percent, memory)


class UsageLog:
    """Looks every :data:`EVERY_S` from a thread of its own, between :meth:`start` and :meth:`stop`.

    The thread sleeps between two looks. It lives in the process that waits for the one that is timed.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._stop = threading.Event()
        self._samples: list[UsageSample] = []
        self._thread: threading.Thread | None = None

    def start(self, pid: int) -> None:
        """Begins to look at process ``pid``."""
        self._thread = threading.Thread(target=self._look, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self) -> Usage:
        """Ends, and tells what was seen."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        return Usage.of(self._samples)

    def _look(self, pid: int) -> None:
        sampler = UsageSampler(pid)
        while not self._stop.wait(self._every_s):
            self._samples.append(sampler.sample())
        sampler.close()


def _times() -> list[tuple[float, float]]:
    """Seconds that each processor worked, and all its seconds, since the machine started."""
    import psutil

    found = []
    for each in psutil.cpu_times(percpu=True):
        fields = each._asdict()
        total = sum(value for name, value in fields.items() if name not in ("guest", "guest_nice"))
        found.append((total - fields.get("idle", 0.0) - fields.get("iowait", 0.0), total))
    return found


def _percent(before: tuple[float, float], after: tuple[float, float]) -> float:
    total = after[1] - before[1]
    return min(100.0, max(0.0, 100 * (after[0] - before[0]) / total)) if total > 0 else 0.0


def _nvml() -> tuple[Any, list[Any]]:
    """The driver's library, ready, and a handle of each GPU; (None, []) without a driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver, or one that does not answer: then there is no GPU to look at
        return None, []
    try:
        return pynvml, [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
        return None, []
