"""What may be claimed of answers that were compared with float's: one test decides, and what it leaves open is said.

- A difference is told where McNemar's exact test rejects at 5 % (where there is one; else where the interval leaves
  zero out).
- Where none is told, the claim is not that there is none, but how large a loss could hide: the interval's end.
- Of several recipes one is chosen, so what could hide is that of intervals that hold all at once (Bonferroni, Dunn
  1961, JASA 56, 52-64). A loss that is told needs no correction: it warns, and recommends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.results import Accuracy, Run, Status
from qexplorer.core.speed import Change
from qexplorer.measure.metrics.results import SIGNIFICANT, differs
from qexplorer.measure.metrics.statistics import Z95, normal_quantile, paired_difference_interval
from qexplorer.report.metric_words import SHARE

__all__ = ["MATTERS", "change_of", "hidden_loss", "looked_at"]

MATTERS = 0.01
"""A loss that matters: a point of a share, else a hundredth of float's value (MLPerf Inference asks for 99 %)."""


def looked_at(runs: Sequence[Run]) -> int:
    """How many recipes were judged, on whatever backends; at least 1."""
    return max(1, len({run.digest for run in runs if run.recipe != "float" and run.status is Status.OK}))


def change_of(found: Accuracy, looked: int) -> Change:
    """What can be said of a metric that has a difference to float with its interval.

    Args:
        found: the metric.
        looked: recipes that were looked at, this one included.
    """
    assert found.gain is not None
    assert found.delta_ci95 is not None
    if differs(found):
        return Change.BETTER if found.gain > 0 else Change.WORSE
    return Change.NONE if hidden_loss(found, looked) <= _least_that_matters(found) else Change.UNSURE


def hidden_loss(found: Accuracy, looked: int) -> float:
    """The largest loss that the samples leave possible, in the metric's own scale, 0 or more.

    Args:
        found: a metric with a difference to float and its interval.
        looked: recipes that were looked at; the intervals of all of them hold together 95 times of 100.
    """
    assert found.delta is not None
    assert found.delta_ci95 is not None
    low, high = found.delta_ci95
    worst = found.delta - low if found.direction == "higher" else high - found.delta
    loss = -found.delta if found.direction == "higher" else found.delta
    if looked > 1:
        z = normal_quantile(1 - SIGNIFICANT / (2 * looked))
        if _counts(found):
            assert found.fixed is not None
            assert found.broken is not None
            return max(0.0, -paired_difference_interval(found.fixed, found.broken, found.n, z=z)[0])
        worst *= z / Z95
    return max(0.0, loss + worst)


def _counts(found: Accuracy) -> bool:
    """Whether the difference is that of two shares of the same samples."""
    if found.fixed is None or found.broken is None or not found.n or found.direction != "higher":
        return False
    return abs((found.fixed - found.broken) / found.n - (found.delta or 0.0)) < 1e-9


def _least_that_matters(found: Accuracy) -> float:
    if found.unit == SHARE or found.value is None or found.delta is None:
        return MATTERS
    return MATTERS * abs(found.value - found.delta)
