"""Efforts: their plans keep what the documentation promises, and a wrong name is one sentence."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.measure import effort as module
from qexplorer.measure.effort import BATCHES, EVALUATION_BATCH, Effort, TimingPlan, effort_of
from qexplorer.measure.metrics.statistics import median_interval
from qexplorer.measure.timing.paired import LEAST_LOADS
from qexplorer.measure.timing.sweep import CELL_S

PLANS = dict(module.PLANS)  # the program's own; while tests run the quickest is shorter
PAGE = Path(__file__).resolve().parents[2] / "docs" / "measuring.md"


@pytest.mark.parametrize("effort", list(Effort))
def test_loadings_give_an_interval_that_misses_at_most_2_4_of_100(effort: Effort) -> None:
    """The chance that the median lies outside the interval of so many loadings, by the binomial distribution."""
    n = PLANS[effort].loads
    found = median_interval(np.arange(n, dtype=np.float64))
    assert n >= LEAST_LOADS
    assert found is not None
    outside = int(found[0])
    assert 2 * sum(math.comb(n, k) for k in range(outside + 1)) / 2**n <= 0.0245


@pytest.mark.parametrize("effort", list(Effort))
def test_a_plan_fits_its_time(effort: Effort) -> None:
    """What a plan spends on timing is less than the time that the documentation gives the effort, which also states its
    latency budget and loadings; and it has calls enough for a p90."""
    plan = PLANS[effort]
    row = re.search(rf"^\| {effort} \| about (\d+) s \| ([\d.]+) s \| (\d+) \|", PAGE.read_text(), re.M)
    assert row is not None
    assert (float(row[2]), int(row[3])) == (plan.budget_s, plan.loads)
    assert plan.budget_s + plan.throughput_s + plan.energy_s < int(row[1])
    assert plan.min_calls >= 36
    assert plan.longest_s > plan.patience * plan.budget_s
    assert effort in CELL_S


def test_only_report_has_calls_enough_for_p99_of_any_model() -> None:
    """The longest effort promises 368 calls of every variant, however slow."""
    assert PLANS[Effort.REPORT].min_calls >= 368


def test_who_times_has_hung_ten_minutes_after_the_slowest_model() -> None:
    """Latency and throughput, each twice its budget and as often as patience says, and three times the energy."""
    plan = TimingPlan(10.0, 3.0, 36, 6, 10.0, 5.0, 2.0)
    assert plan.longest_s == 600 + 3 * (2 * 10 + 2 * 5) + 3 * 2


def test_the_largest_batch_of_throughput_is_that_of_accuracy() -> None:
    """Latency's is a single sample; quick makes no more loadings, rounds or calls than the longer efforts."""
    assert (BATCHES[0], BATCHES[-1]) == (1, EVALUATION_BATCH)
    assert list(BATCHES) == sorted(set(BATCHES))
    plans = [PLANS[each] for each in (Effort.QUICK, Effort.STANDARD, Effort.REPORT)]
    for name in ("budget_s", "min_calls", "min_rounds", "throughput_s", "energy_s", "loads", "warm_ms", "cool_share"):
        values = [getattr(plan, name) for plan in plans]
        assert values == sorted(values), name


def test_an_effort_by_its_name_or_by_the_old_switch() -> None:
    """A name goes before the switch; without one the switch chooses between quick and standard."""
    assert effort_of("report") is Effort.REPORT
    assert effort_of("standard", quick=True) is Effort.STANDARD
    assert (effort_of(None), effort_of(None, quick=False)) == (Effort.QUICK, Effort.STANDARD)
    with pytest.raises(UnknownName, match="did you mean 'report'"):
        effort_of("reports")
