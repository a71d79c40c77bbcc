"""A clock of its own, and models on it whose calls take what they are told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import Array
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import SessionOptions

__all__ = ["Clock", "Steady"]


class Clock:
    """Stands in for the module ``time``, and for a backend: a model is called after the seconds that a sample takes."""

    name, capabilities = "clock", OnnxRuntimeCpu.capabilities

    def __init__(self) -> None:
        self.now_ns = 0
        self.slept: list[float] = []
        self.loaded: list[tuple[str, SessionOptions]] = []
        self.batches: list[int] = []

    def perf_counter_ns(self) -> int:
        """Nanoseconds."""
        return self.now_ns

    process_time_ns = perf_counter_ns

    def perf_counter(self) -> float:
        """Seconds."""
        return self.now_ns / 1e9

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self.slept.append(seconds)
        self.now_ns += round(seconds * 1e9)

    def load(self, path: Path, options: SessionOptions) -> Steady:
        """A model by the file's name, which is its time."""
        self.loaded.append((path.name, options))
        return Steady(self, float(path.name))


class Steady:
    """A model that takes the same time for every sample, whatever was called before."""

    def __init__(self, clock: Clock, sample_s: float) -> None:
        self.clock, self.sample_s = clock, sample_s

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], Any]:
        """Its call; without samples that of one."""
        batch = len(next(iter(feeds.values()))) if feeds else 1
        self.clock.batches.append(batch)
        took_ns = round(1e9 * self.sample_s * batch)

        def run() -> None:
            self.clock.now_ns += took_ns

        return run
