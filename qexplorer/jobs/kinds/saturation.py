"""The job that emulates saturating sums, applies the remedies and keeps what it finds."""

from __future__ import annotations

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import GraphResult, OneRecipeOrder
from qexplorer.jobs.report import Report

__all__ = ["SATURATION"]


def emulate_saturation(order: OneRecipeOrder, report: Report) -> GraphResult:
    """Emulates and keeps."""
    from qexplorer.measure.arithmetic.saturation import saturation

    model, data = load_both(order, report)
    found = saturation(model, order.recipe, data, samples=order.samples, progress=report.after_loading)
    return GraphResult(found.digest)


SATURATION = JobKind(
    "saturation", "Emulating saturation", "Compare", OneRecipeOrder, GraphResult, emulate_saturation, nice=0
)
ENTRIES = (SATURATION,)
