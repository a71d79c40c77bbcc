"""Energy of one inference: measured where there is a meter, else an estimate that says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.core.results import Energy
from qexplorer.machine.meters.estimate import watts_per_cpu
from qexplorer.measure.metrics.statistics import student_half

__all__ = ["ESTIMATED", "energy_of", "estimate", "measured"]

ESTIMATED = "estimated"


def energy_of(found: dict[str, Any] | None, *, cpu_s: float, n: int, batch: int) -> Energy:
    """Energy of one sample: from a meter's windows if there are any, else estimated.

    Args:
        found: what ``measure_energy`` returned for this variant, or None.
        cpu_s: processor seconds of one sample.
        n: timed calls behind ``cpu_s``.
        batch: samples in one call.
    """
    return estimate(cpu_s, n) if not found else measured(found, batch)


def estimate(cpu_s: float, n: int) -> Energy:
    """Processor seconds times watts per busy processor (``power.WATTS_PER_CPU``), millijoules.

    No interval: what is uncertain is the watts, and by how much nobody can say from here.
    """
    watts = watts_per_cpu()
    reason = f"no meter here: {cpu_s * 1e3:.3g} ms of processor time x {watts:g} W above idle, an assumption"
    return Energy(cpu_s * watts * 1e3, None, ESTIMATED, reason, n)


def measured(found: dict[str, Any], batch: int) -> Energy:
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
