"""What a machine did while something ran on it: looks at its processors, memory and GPUs, a few a second."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GpuSample", "Usage", "UsageSample"]

MOST_KEPT = 120
"""Looks that are kept of a run; longer ones are averaged in groups of neighbours."""


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU at one moment: per cent of the last interval in which a kernel ran, and bytes of its memory in use (by
    everybody). None where the driver does not say."""

    percent: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class UsageSample:
    """One look.

    Attributes:
        t_s: seconds since the first look.
        cpu_percent: how busy each processor was since the look before, for whomever it worked; shape (processors,).
        rss_bytes: resident memory of the process; None once it is gone.
        gpus: each NVIDIA GPU; empty without one.
    """

    t_s: float
    cpu_percent: tuple[float, ...]
    rss_bytes: int | None
    gpus: tuple[GpuSample, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """The looks of one run, in columns; one entry for each look that is kept.

    On one backend float and quantized models are timed in turns of milliseconds, so this is of all of them together, in
    the process that timed them: the same for every run on that backend.

    Attributes:
        t_s: seconds since the first look.
        cpu_percent: per cent of each processor, shape (looks, processors).
        rss_bytes: resident memory of the process that ran the models, bytes.
        gpu_percent: per cent of each GPU, shape (looks, GPUs).
        gpu_memory_bytes: memory in use on each GPU, bytes, shape (looks, GPUs).
        n: looks behind it.
        reason: why there is nothing, if there is not.
    """

    t_s: tuple[float, ...] = ()
    cpu_percent: tuple[tuple[float, ...], ...] = ()
    rss_bytes: tuple[int | None, ...] = ()
    gpu_percent: tuple[tuple[float | None, ...], ...] = ()
    gpu_memory_bytes: tuple[tuple[int | None, ...], ...] = ()
    n: int = 0
    reason: str | None = None

    @classmethod
    def of(cls, samples: list[UsageSample]) -> Usage:
        """The looks as columns, at most ``MOST_KEPT``: neighbours are averaged, of memory the largest is kept."""
        if not samples:
            return cls(reason="the run was over before anybody looked")
        size = -(-len(samples) // MOST_KEPT)
        groups = [samples[start : start + size] for start in range(0, len(samples), size)]
        gpus = min(len(sample.gpus) for sample in samples)
        return cls(
            t_s=tuple(round(group[-1].t_s, 3) for group in groups),
            cpu_percent=tuple(_means([each.cpu_percent for each in group]) for group in groups),
            rss_bytes=tuple(_largest([each.rss_bytes for each in group]) for group in groups),
            gpu_percent=tuple(
                tuple(_mean([each.gpus[i].percent for each in group]) for i in range(gpus)) for group in groups
            ),
            gpu_memory_bytes=tuple(
                tuple(_largest([each.gpus[i].memory_bytes for each in group]) for i in range(gpus)) for group in groups
            ),
            n=len(samples),
        )

    @property
    def mean_cpu_percent(self) -> tuple[float, ...]:
        """How busy each processor was on average, per cent."""
        return _means(list(self.cpu_percent)) if self.cpu_percent else ()

    @property
    def peak_rss_bytes(self) -> int | None:
        """The most memory that any look saw resident."""
        return _largest(list(self.rss_bytes))


def _means(rows: list[tuple[float, ...]]) -> tuple[float, ...]:
    width = min(len(row) for row in rows)
    return tuple(round(sum(row[i] for row in rows) / len(rows), 1) for i in range(width))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 1) if known else None


def _largest(values: list[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
