"""The job that collects statistics of every activation over calibration data and keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, DataOrder
from qexplorer.jobs.report import Report

__all__ = ["OBSERVE", "ObserveOrder", "ObserveResult"]


class ObserveOrder(DataOrder):
    """What to observe; ``samples`` of the calibration part, at most."""

    samples: int = CALIBRATION_SAMPLES


@dataclass(frozen=True, slots=True)
class ObserveResult:
    """How many samples were observed; the statistics are kept in the workspace."""

    samples: int


def observe(order: ObserveOrder, report: Report) -> ObserveResult:
    """Collects and keeps."""
    model, data = load_both(order, report)
    from qexplorer.observe.collecting.store import statistics_for

    found = statistics_for(model, data, samples=order.samples, progress=report.count_samples)
    return ObserveResult(found.samples)


OBSERVE = JobKind("observe", "Observing", "Distributions", ObserveOrder, ObserveResult, observe)
ENTRIES = (OBSERVE,)
