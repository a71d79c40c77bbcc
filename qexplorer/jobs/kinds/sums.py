"""The job that looks at the int32 sums of every layer and keeps them."""

from __future__ import annotations

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import GraphResult, OneRecipeOrder
from qexplorer.jobs.report import Report

__all__ = ["SUMS"]


def add_up(order: OneRecipeOrder, report: Report) -> GraphResult:
    """Adds up in integers and keeps the sums."""
    from qexplorer.measure.arithmetic.accumulators import accumulators

    model, data = load_both(order, report)
    found = accumulators(model, order.recipe, data, progress=report.after_loading)
    return GraphResult(found.digest)


SUMS = JobKind("sums", "Adding up in integers", "Compare", OneRecipeOrder, GraphResult, add_up)
ENTRIES = (SUMS,)
