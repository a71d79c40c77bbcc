"""Latency and throughput: has the variants timed together in a child, and judges whether the machine was quiet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import Cancelled, QExplorerError
from qexplorer.core.results import Energy, Latency
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.energy import energy_of
from qexplorer.measure.statistics import median_interval, quantile, ratio_interval
from qexplorer.measure.variant import Subject, Variant
from qexplorer.process.limits import Limits
from qexplorer.process.parent import run_in_child

__all__ = ["MAX_DRIFT", "MAX_HALF_WIDTH", "MIN_SHARE", "Timed", "latency_of", "noise", "time_variants"]

TIMING_LIMITS = Limits(wall_s=900.0)

MIN_SHARE = 0.95
"""Least share of the processor that a round must have had to itself to count as undisturbed (one thread only)."""
MAX_DRIFT = 0.05
"""Most that the medians of the first and the second half of the rounds may differ."""
MAX_HALF_WIDTH = 0.05
"""Most that half of the median's interval may be, as a share of the median."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What timing found out about one variant; ``failed`` says why there is nothing."""

    latency: Latency
    throughput: dict[int, float]
    throughput_n: dict[int, int]
    energy: Energy
    failed: str | None = None


def time_variants(
    variants: Mapping[str, Variant],
    backend: str,
    subject: Subject,
    files: Mapping[str, str],
    plan: TimingPlan,
    *,
    threads: int = 1,
    reference: str | None = None,
    on_progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Timed]:
    """Times all ``variants`` side by side in one child; if that dies, each beside the float model alone.

    Args:
        variants: what to time, by key.
        backend: on which backend.
        subject: the model and its samples.
        files: the samples on disk.
        plan: how much to time.
        threads: threads of one operator.
        reference: key of the float model, for the speed-up; None if it cannot be run.
        on_progress: told a share from 0 to 1.
        cancelled: asked whether to stop.

    Raises:
        Cancelled: ``cancelled()`` became true.
    """
    arguments = {
        "backend": backend,
        "variants": {key: str(variant.path) for key, variant in variants.items()},
        "files": dict(files),
        "batches": list(subject.batches),
        "threads": threads,
        "plan": asdict(plan),
        "seed": 0,
    }
    try:
        value = run_in_child(
            "qexplorer.measure.latency_child:time_all",
            arguments,
            limits=TIMING_LIMITS,
            on_event=lambda event: on_progress(float(event["done"])) if on_progress else None,
            cancelled=cancelled,
        )
    except Cancelled:
        raise
    except QExplorerError as error:
        if len(variants) == 1:
            return {key: _failed(error.sentence, subject, threads) for key in variants}
        return _one_by_one(variants, backend, subject, files, plan, threads, reference, cancelled)
    found: dict[str, Any] = value["variants"]
    base = found.get(reference) if reference else None
    return {key: _timed(item, None if key == reference else base, subject, threads) for key, item in found.items()}


def _one_by_one(
    variants: Mapping[str, Variant],
    backend: str,
    subject: Subject,
    files: Mapping[str, str],
    plan: TimingPlan,
    threads: int,
    reference: str | None,
    cancelled: Callable[[], bool] | None,
) -> dict[str, Timed]:
    """Each variant in a child of its own, so that only the one that kills its process is lost; no speed-ups then."""
    found: dict[str, Timed] = {}
    for key, variant in variants.items():
        alone = {key: variant}
        found |= time_variants(
            alone, backend, subject, files, plan, threads=threads, reference=reference, cancelled=cancelled
        )
    return found


def _failed(reason: str, subject: Subject, threads: int) -> Timed:
    nothing = Latency(None, None, None, None, 0, subject.batches[0], threads, valid=False, reason=reason)
    return Timed(nothing, {}, {}, Energy(None, None, "estimated", reason), failed=reason)


def _timed(item: dict[str, Any], base: dict[str, Any] | None, subject: Subject, threads: int) -> Timed:
    rates = {int(batch): rate for batch, rate in item["throughput"].items()}
    n = sum(len(turn) for turn in item["rounds"])
    cpu_s = item["cpu_ns"] / 1e9 / n / subject.batches[0]
    return Timed(
        latency=latency_of(item, base, batch=subject.batches[0], threads=threads),
        throughput={batch: float(rate["per_s"]) for batch, rate in rates.items()},
        throughput_n={batch: int(rate["n"]) for batch, rate in rates.items()},
        energy=energy_of(item.get("energy"), cpu_s=cpu_s, n=n, batch=subject.batches[0]),
    )


def latency_of(item: dict[str, Any], base: dict[str, Any] | None, *, batch: int, threads: int) -> Latency:
    """Quantiles over all calls, the median's interval over rounds, the speed-up against ``base``.

    Calls of one round are not independent of each other, so intervals come from the rounds' medians: treating each call
    as independent would make them far too narrow.

    Args:
        item: ``rounds`` (ns of each call, by round) and ``shares`` (of the processor, by round) of one variant.
        base: the same of the float model, timed in the same rounds; None for no speed-up.
        batch: samples in one call.
        threads: threads of one operator.
    """
    calls = np.array([ns for turn in item["rounds"] for ns in turn], np.float64) / 1e6
    medians = _medians(item)
    p50 = quantile(calls, 0.5)
    assert p50 is not None
    around = median_interval(medians)
    ci95 = None if around is None else (min(around[0], p50), max(around[1], p50))
    shares = np.array(item["shares"]) if threads == 1 else None
    reason = noise(medians, shares)
    valid = reason is None
    if reason is None and shares is not None and float(shares.mean()) < MIN_SHARE:
        reason = (
            f"other work took {1 - shares.mean():.0%} of the processor, in the smaller part of the rounds: p99 shows it"
        )
    p90, p99 = quantile(calls, 0.9), quantile(calls, 0.99)
    few = [name for name, value in (("p90", p90), ("p99", p99)) if value is None]
    if few:
        told = f"{' and '.join(few)} not shown: {calls.size} calls are too few"
        reason = f"{reason}; {told}" if reason else told
    speedup = speedup_ci95 = None
    if base is not None:
        floats = _medians(base)
        speedup = float(np.median(floats) / np.median(medians))
        speedup_ci95 = ratio_interval(floats, medians)
    return Latency(p50, p90, p99, ci95, int(calls.size), batch, threads, valid, speedup, speedup_ci95, reason)


def noise(medians: NDArray[np.float64], shares: NDArray[np.float64] | None) -> str | None:
    """Why a measurement is too noisy to be believed, in one sentence; None if it is not.

    Args:
        medians: median of each round, in the order of the rounds.
        shares: processor time over wall time of each round; None if several threads shared the work. Rounds that other
            work disturbed do no harm while they are fewer than half: the median of the rounds is not one of them.
    """
    if shares is not None and float(np.median(shares)) < MIN_SHARE:
        return f"too noisy: other work took {1 - shares.mean():.0%} of the processor meanwhile"
    middle = float(np.median(medians))
    half = medians.size // 2
    drift = abs(float(np.median(medians[:half]) - np.median(medians[half:]))) / middle if half else 0.0
    if drift > MAX_DRIFT:
        return f"too noisy: the first and the second half of the measurement differ by {drift:.0%}"
    around = median_interval(medians)
    if around is None:
        return f"too few rounds ({medians.size}) for an interval"
    width = (around[1] - around[0]) / 2 / middle
    if width > MAX_HALF_WIDTH:
        return f"too noisy: the median is only known to {width:.0%}"
    return None


def _medians(item: dict[str, Any]) -> NDArray[np.float64]:
    return np.array([np.median(turn) for turn in item["rounds"]], np.float64) / 1e6
