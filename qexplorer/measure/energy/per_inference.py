"""Energy of one inference: measured where there is a meter, else an estimate that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.results import Energy, Interval
from qexplorer.core.speed import Speedup
from qexplorer.machine.meters.estimate import watts_per_cpu
from qexplorer.measure.metrics.statistics import median_interval, student_half
from qexplorer.measure.timing.paired import by_load, paired_speedup, widened

__all__ = ["ESTIMATED", "energy_of"]

ESTIMATED = "estimated"
Float64 = NDArray[np.float64]


def energy_of(item: Mapping[str, Any], base: Mapping[str, Any] | None, *, batch: int, noisy: str | None) -> Energy:
    """Energy of one sample: from a meter's windows if there are any, else estimated; and its share of float's.

    Args:
        item: ``rounds`` (ns of each call, by round), ``shares`` (processor time over wall time, by round), ``loads``
            (which loading each round ran on), ``cpu_ns`` of all rounds, and ``energy``: what ``measure_energy``
            returned for this variant, or None.
        base: the same of the float model, timed in the same rounds; None for no comparison.
        batch: samples in one call.
        noisy: why the rounds are not to be believed; None if they are.
    """
    metered = item.get("energy")
    if metered:
        found = _measured(metered, batch)
        paired = _windows(metered, base.get("energy") if base else None)
    else:
        found = _estimate(item, batch)
        paired = Speedup(None, None) if base is None else paired_speedup(_cpu_s(item), _cpu_s(base), item.get("loads"))
    if noisy is not None and found.value is not None:
        found = replace(found, valid=False, reason=f"{found.reason}; from disturbed rounds: {noisy}")
    return replace(found, ratio=paired.shown, ratio_ci95=paired.ci95)


def _cpu_s(item: Mapping[str, Any]) -> Float64:
    """Processor seconds of one call, by round."""
    calls = np.array([np.mean(turn) for turn in item["rounds"]], np.float64) / 1e9
    return np.maximum(calls * np.asarray(item["shares"], np.float64), 1e-12)


def _estimate(item: Mapping[str, Any], batch: int) -> Energy:
    """Processor seconds times watts per busy processor (``estimate.WATTS_PER_CPU``), millijoules.

    The interval is that of the processor time: by how much the watts are wrong nobody can say from here.
    """
    n = sum(len(turn) for turn in item["rounds"])
    cpu_s, watts = item["cpu_ns"] / 1e9 / n / batch, watts_per_cpu()
    reason = f"no meter here: {cpu_s * 1e3:.3g} ms of processor time x {watts:g} W above idle, an assumption"
    ends = _around(cpu_s, _cpu_s(item) / batch, list(item.get("loads") or [0] * len(item["rounds"])))
    ci95 = None if ends is None else (ends[0] * watts * 1e3, ends[1] * watts * 1e3)
    return Energy(cpu_s * watts * 1e3, ci95, ESTIMATED, reason, n)


def _around(mean: float, rounds: Float64, loads: list[int]) -> Interval | None:
    """An interval from the loadings, or from the rounds of the only one, widened; it holds ``mean``."""
    found = median_interval(by_load(rounds, loads))
    if found is None and (narrow := median_interval(rounds)) is not None:
        found = widened(narrow)
    return None if found is None else (min(found[0], mean), max(found[1], mean))


def _measured(found: Mapping[str, Any], batch: int) -> Energy:
    """Mean over windows above idle with Student's interval, millijoules; None where it drowns in the idle power."""
    joules = np.asarray(found["joules"], np.float64) / batch * 1e3
    mean, half = float(joules.mean()), student_half(joules) if joules.size > 1 else None
    sampled = (
        f"{joules.size} windows of {found['window_s']:.2g} s, the counter read at both ends and updated about every "
        f"{found['update_s'] * 1e3:.3g} ms"
    )
    if mean <= 0 or half is None:
        reason = (
            f"not distinguishable from the {found['idle_watts']:.1f} W that the machine draws when idle ({sampled})"
        )
        return Energy(None, None, found["source"], reason, int(found["n"]))
    reason = f"above {found['idle_watts']:.1f} W idle, which was subtracted; {sampled}"
    return Energy(mean, (mean - half, mean + half), found["source"], reason, int(found["n"]))


def _windows(own: Mapping[str, Any], base: Mapping[str, Any] | None) -> Speedup:
    """This one's joules over float's, window by window; nothing where any window drowned in the idle power."""
    if not base or min(*own["joules"], *base["joules"]) <= 0:
        return Speedup(None, None)
    return paired_speedup(own["joules"], base["joules"])
