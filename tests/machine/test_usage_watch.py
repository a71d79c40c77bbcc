"""Looks at the hardware: what a sample holds, what is kept of many, and that a timed run carries them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from qexplorer.core.results import Run, Status
from qexplorer.core.usage import MOST_KEPT, GpuSample, Usage, UsageSample
from qexplorer.machine import usage_watch as usage
from qexplorer.machine.usage_watch import UsageLog, UsageSampler


class _Nvml:
    """A driver with one GPU that says its load and no memory."""

    class NVMLError(Exception):
        """What the driver's library raises."""

    closed = 0

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802 - the library's own name
        """The load."""
        return SimpleNamespace(gpu=40 + handle)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: ARG002, N802 - the library's own name
        """Not supported."""
        raise self.NVMLError

    def nvmlShutdown(self) -> None:  # noqa: N802 - the library's own name
        """Counts."""
        type(self).closed += 1


def test_a_look_has_every_processor_and_the_memory_of_the_process() -> None:
    """There is a share for every processor, from 0 to 100, and the process's resident bytes."""
    found = UsageSampler(os.getpid()).sample()
    assert len(found.cpu_percent) == psutil.cpu_count()
    assert all(0 <= value <= 100 for value in found.cpu_percent)
    assert found.rss_bytes is not None
    assert found.rss_bytes > 1_000_000
    assert found.t_s >= 0


def test_work_is_seen_as_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is busy is counted from one look to the next, not since the machine started."""
    ticks: Iterator[list[tuple[float, float]]] = iter(
        [[(900.0, 1000.0), (0.0, 1000.0)], [(900.5, 1001.0), (0.0, 1001.0)], [(900.5, 1001.0), (1.0, 1002.0)]]
    )
    monkeypatch.setattr(usage, "_times", lambda: next(ticks))
    sampler = UsageSampler()
    assert sampler.sample().cpu_percent == (50.0, 0.0)
    assert sampler.sample().cpu_percent == (0.0, 100.0)


def test_a_processor_that_comes_meanwhile_is_seen_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that a look before knew nothing of nothing can be said."""
    ticks = iter([[(0.0, 0.0)], [(1.0, 2.0), (5.0, 5.0)], [(1.0, 3.0), (6.0, 6.0)]])
    monkeypatch.setattr(usage, "_times", lambda: next(ticks))
    sampler = UsageSampler()
    assert [sampler.sample().cpu_percent for _ in range(2)] == [(50.0,), (0.0, 100.0)]


def test_a_process_that_is_gone_has_no_memory() -> None:
    """After its end a process has no resident bytes, and looking goes on."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        sampler = UsageSampler(child.pid)
        assert sampler.sample().rss_bytes is not None
        child.communicate()
    assert sampler.sample().rss_bytes is None
    assert UsageSampler(child.pid).sample().rss_bytes is None
    assert UsageSampler().sample().rss_bytes is None


def test_gpus_are_read_where_the_driver_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each GPU has its load; what the driver does not support is None; closing lets go of it."""
    driver = _Nvml()
    monkeypatch.setattr(usage, "_nvml", lambda: (driver, [0, 1]))
    sampler = UsageSampler()
    assert sampler.sample().gpus == (GpuSample(40.0, None), GpuSample(41.0, None))
    closed = _Nvml.closed
    sampler.close()
    sampler.close()
    assert _Nvml.closed == closed + 1
    assert sampler.sample().gpus == ()


def look(i: int, cpu: float = 50.0, rss: int | None = 100, *gpus: GpuSample) -> UsageSample:
    """The ``i``-th look at a machine with one processor."""
    return UsageSample(0.25 * (i + 1), (cpu,), rss, gpus)


def test_many_looks_are_averaged_and_the_largest_memory_is_kept() -> None:
    """A long run keeps at most 120 entries: means of neighbours, the largest memory, and how many looks there were."""
    looks = [look(i, 100.0 * (i % 2), 1000 + i, GpuSample(float(i % 2), 7)) for i in range(1000)]
    found = Usage.of(looks)
    assert len(found.t_s) <= MOST_KEPT
    assert found.n == 1000
    assert found.mean_cpu_percent[0] == pytest.approx(50, abs=2)
    assert found.peak_rss_bytes == 1999
    assert found.gpu_memory_bytes[0] == (7,)
    assert {len(column) for column in (found.t_s, found.cpu_percent, found.rss_bytes, found.gpu_percent)} == {
        len(found.t_s)
    }


def test_no_look_is_a_reason() -> None:
    """A run that was over before the first look says so, and has no numbers."""
    found = Usage.of([])
    assert found.reason is not None
    assert (found.n, found.peak_rss_bytes, found.mean_cpu_percent) == (0, None, ())
    assert UsageLog().stop().reason is not None


def test_a_run_carries_it_through_json() -> None:
    """A run with usage reads back equal; one of an earlier version has none."""
    run = Run("float", "f", "onnxruntime", Status.OK, usage=Usage.of([look(0), look(1, 20.0, None)]))
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run
    old = run.to_json()
    del old["usage"]
    assert Run.from_json(old).usage is None


def test_a_log_looks_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between start and stop there are looks at the process's memory; then the driver is let go of."""
    monkeypatch.setattr(_Nvml, "closed", 0)
    monkeypatch.setattr(usage, "_nvml", lambda: (_Nvml(), [0]))
    log = UsageLog(every_s=0.01)
    log.start(os.getpid())
    while len(log._samples) < 3:
        pass
    found = log.stop()
    assert log._thread is not None
    assert not log._thread.is_alive()
    assert _Nvml.closed == 1
    assert found.n == len(log._samples) >= 3
    assert found.peak_rss_bytes is not None


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        ((1.0, 10.0), (2.0, 14.0), 25.0),
        ((1.0, 10.0), (1.0, 10.0), 0.0),
        ((2.0, 10.0), (1.0, 14.0), 0.0),
        ((1.0, 10.0), (6.0, 14.0), 100.0),
        ((2.0, 10.0), (1.0, 9.0), 0.0),
    ],
)
def test_a_share_is_of_what_went_by(before: tuple[float, float], after: tuple[float, float], percent: float) -> None:
    """Of no time nothing, never less and never more than all: counters of a virtual machine may run backwards."""
    assert usage._percent(before, after) == percent


@pytest.mark.parametrize("broken", [None, "nvmlInit", "nvmlDeviceGetCount"])
def test_a_driver_that_does_not_answer_has_no_gpu(monkeypatch: pytest.MonkeyPatch, broken: str | None) -> None:
    """A handle of each GPU where it does; one that fails behind its start is let go of."""

    def fails() -> int:
        raise _Nvml.NVMLError

    shut: list[int] = []
    driver = SimpleNamespace(
        NVMLError=_Nvml.NVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: shut.append(1),
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index + 5,
    )
    if broken is not None:
        setattr(driver, broken, fails)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert usage._nvml() == ((None, []) if broken else (driver, [5, 6]))
    assert len(shut) == (broken == "nvmlDeviceGetCount")
