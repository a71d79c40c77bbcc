"""From timed calls to a latency with its intervals, and whether the machine was too noisy for it to be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.results import Interval, Latency, Throughput
from qexplorer.core.speed import Speedup
from qexplorer.core.words.numbers import percent_text
from qexplorer.machine.neighbours import Busy
from qexplorer.measure.metrics.statistics import grouped_quantile_interval, median_interval, quantile
from qexplorer.measure.timing.paired import LEAST_LOADS, PLACEMENT, by_load, paired_speedup, widened

__all__ = [
    "MAX_DRIFT",
    "MAX_HALF_WIDTH",
    "MIN_SHARE",
    "latency_of",
    "noise",
    "throughput_of",
]

Float64 = NDArray[np.float64]

MIN_SHARE = 0.95
"""Least share of the processor that a round must have had to itself to count as undisturbed (one thread only)."""
MOST_TAKEN = 0.1
"""Most that other programs may take of the processors where several threads share the work."""
MAX_DRIFT = 0.05
"""Most that the medians of the first and the second half of the rounds may differ."""
MAX_HALF_WIDTH = 0.05
"""Most that half of the median's interval may be, as a share of the median."""


def latency_of(
    item: dict[str, Any],
    base: dict[str, Any] | None,
    *,
    batch: int,
    threads: int,
    before: Busy | None = None,
    during: Busy | None = None,
) -> Latency:
    """Quantiles over all calls with their intervals, and the speed-up against ``base``.

    Calls of one round are not independent of each other, nor are rounds on one loading of the models. The intervals of
    the median and of the speed-up therefore come from the loadings (``paired.py``): they hold for any distribution, and
    show a difference between a model and itself as rarely as they promise. The other quantiles' come from the rounds
    (``grouped_quantile_interval``), as what makes their calls long comes and goes with the rounds.

    Args:
        item: ``rounds`` (ns of each call, by round), ``shares`` (of the processor, by round) and ``loads`` (which
            loading each round ran on; without it all ran on one) of one variant.
        base: the same of the float model, timed in the same rounds; None for no speed-up.
        batch: samples in one call.
        threads: threads of one operator.
        before: what other programs took of the processors before it began.
        during: what they took while it was measured.
    """
    turns = [np.asarray(turn, np.float64) / 1e6 for turn in item["rounds"]]
    calls, medians, loads = np.concatenate(turns), _medians(item), _loads(item)
    p50 = quantile(calls, 0.5)
    assert p50 is not None
    shares = np.array(item["shares"]) if threads == 1 else None
    noisy = noise(medians, shares, during)
    remarks = [noisy] if noisy else []
    if noisy is None and shares is not None and float(shares.mean()) < MIN_SHARE:
        taken = f"{percent_text(1 - shares.mean())} of the processor, in the smaller part of the rounds"
        remarks.append(f"other work took {taken}: p99 shows it")
    p90, p99 = quantile(calls, 0.9), quantile(calls, 0.99)
    few = [name for name, value in (("p90", p90), ("p99", p99)) if value is None]
    if few:
        remarks.append(f"{' and '.join(few)} not shown: {calls.size} calls are too few")
    if len(set(loads)) < LEAST_LOADS:
        remarks.append(
            f"loaded too rarely to see what its place in memory does: intervals widened by {percent_text(PLACEMENT, 1)}"
        )
    paired = Speedup(None, None) if base is None else paired_speedup(_medians(base), medians, loads)
    return Latency(
        p50=p50,
        p90=p90,
        p99=p99,
        ci95=_around(p50, medians, loads),
        n=int(calls.size),
        batch=batch,
        threads=threads,
        valid=noisy is None,
        speedup=paired.shown,
        speedup_ci95=paired.ci95,
        reason="; ".join(remarks) or None,
        p90_ci95=None if p90 is None else grouped_quantile_interval(turns, 0.9),
        p99_ci95=None if p99 is None else grouped_quantile_interval(turns, 0.99),
        loads=len(set(loads)),
        load=_load_text(before, during),
    )


def throughput_of(item: dict[str, Any], *, batch: int, threads: int) -> Throughput:
    """Samples a second at the median call; its interval is that of the median, upside down.

    Args:
        item: ``rounds``, ``shares`` and ``loads`` as in :func:`latency_of`.
        batch: samples in one call.
        threads: threads of one operator.
    """
    medians = _medians(item)
    calls = np.concatenate([np.asarray(turn, np.float64) / 1e6 for turn in item["rounds"]])
    p50 = float(np.median(calls))
    around = _around(p50, medians, _loads(item))
    noisy = noise(medians, np.array(item["shares"]) if threads == 1 else None)
    ends = None if around is None else (batch * 1e3 / around[1], batch * 1e3 / around[0])
    return Throughput(batch * 1e3 / p50, ends, int(calls.size), noisy is None, noisy)


def _around(p50: float, medians: Float64, loads: list[int]) -> Interval | None:
    """The interval of the median: from the loadings, or from the rounds of the only one, widened."""
    found = median_interval(by_load(medians, loads))
    if found is None and (narrow := median_interval(medians)) is not None:
        found = widened(narrow)
    return None if found is None else (min(found[0], p50), max(found[1], p50))


def _loads(item: dict[str, Any]) -> list[int]:
    return list(item.get("loads") or [0] * len(item["rounds"]))


def _load_text(before: Busy | None, during: Busy | None) -> str | None:
    """What others took of the processors, in words."""
    told = [f"{busy.sentence} {when}" for busy, when in ((before, "before the run"), (during, "during it")) if busy]
    return "; ".join(told) or None


def noise(medians: Float64, shares: Float64 | None, during: Busy | None = None) -> str | None:
    """Why a measurement is too noisy to be believed, in one sentence; None if it is not.

    Args:
        medians: median of each round, in the order of the rounds.
        shares: processor time over wall time of each round; None if several threads shared the work. Rounds that other
            work disturbed do no harm while they are fewer than half: the median of the rounds is not one of them.
        during: what other programs took of the processors meanwhile; names the one to close.
    """
    if shares is None and during is not None and during.share > MOST_TAKEN:
        return f"noisy: {during.sentence} meanwhile"
    if shares is not None and float(np.median(shares)) < MIN_SHARE:
        who = f" (most of it {during.name})" if during is not None and during.name else ""
        return f"noisy: other work{who} took {percent_text(1 - shares.mean())} of the processor meanwhile"
    middle = float(np.median(medians))
    half = medians.size // 2
    drift = abs(float(np.median(medians[:half]) - np.median(medians[half:]))) / middle if half else 0.0
    if drift > MAX_DRIFT:
        return f"noisy: the first and the second half of the measurement differ by {percent_text(drift)}"
    around = median_interval(medians)
    if around is None:
        return f"too few rounds ({medians.size}) for an interval"
    width = (around[1] - around[0]) / 2 / middle
    if width > MAX_HALF_WIDTH:
        return f"noisy: the median is only known to {percent_text(width)}"
    return None


def _medians(item: dict[str, Any]) -> Float64:
    return np.array([np.median(turn) for turn in item["rounds"]], np.float64) / 1e6
