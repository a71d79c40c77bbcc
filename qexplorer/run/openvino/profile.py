"""Times of single kernels from OpenVINO's own counters."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from qexplorer.run.openvino.kernels import RuntimeKernel
from qexplorer.run.protocol import Executed

__all__ = ["profiled"]

_WARM = 2


def profiled(
    request: Any, infer: Callable[[], object], kernels: Sequence[RuntimeKernel], runs: int
) -> tuple[Executed, ...]:
    """Every kernel that ran with the median of its times.

    OpenVINO counts whole microseconds, and says of what took less than one in a run that it was not run: that is 0.

    Args:
        request: an infer request of a graph compiled with ``PERF_COUNT``.
        infer: runs it once.
        kernels: kernels of that graph, in the order of execution.
        runs: runs that count.
    """
    times: dict[str, list[float]] = {}
    for index in range(_WARM + runs):
        infer()
        if index < _WARM:
            continue
        for item in request.get_profiling_info():
            if item.status.name in ("EXECUTED", "NOT_RUN"):
                times.setdefault(item.node_name, []).append(item.real_time.total_seconds() * 1e3)
    return tuple(
        Executed(kernel.name, kernel.op, kernel.kind, statistics.median(times[kernel.name]), kernel.layers)
        for kernel in kernels
        if kernel.name in times
    )
