"""Times from OpenVINO's counters."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from qexplorer.run.openvino.kernels import RuntimeKernel
from qexplorer.run.openvino.profile import profiled
from qexplorer.run.protocol import KernelKind


def test_what_took_less_than_a_microsecond_took_none() -> None:
    """Of the counted runs the median, in milliseconds; a kernel that no run counted stands with 0, one that was
    optimized away not at all."""
    runs = iter([9000, 9000, 1000, 6000, 2000])  # microseconds; the first two warm up
    request = SimpleNamespace(taken=0)

    def infer() -> None:
        request.taken = next(runs)

    def counters() -> list[SimpleNamespace]:
        told = [("slow", "EXECUTED", request.taken), ("quick", "NOT_RUN", 0), ("away", "OPTIMIZED_OUT", 0)]
        return [
            SimpleNamespace(node_name=name, status=SimpleNamespace(name=status), real_time=timedelta(microseconds=us))
            for name, status, us in told
        ]

    request.get_profiling_info = counters
    kernels = [RuntimeKernel(name, "Add", KernelKind.FLOAT, (name,), i) for i, name in enumerate(("quick", "slow"))]
    found = profiled(request, infer, [*kernels, RuntimeKernel("away", "Add", KernelKind.FLOAT, (), 2)], 3)
    assert [(kernel.name, kernel.ms) for kernel in found] == [("quick", 0.0), ("slow", pytest.approx(2.0))]
