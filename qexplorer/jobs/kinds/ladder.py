"""The job that climbs the fidelity ladder of one recipe and keeps it."""

from __future__ import annotations

from pydantic import Field

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import GraphResult, OneRecipeOrder
from qexplorer.jobs.report import Report

__all__ = ["LADDER", "LadderOrder"]


class LadderOrder(OneRecipeOrder):
    """Which ladder to climb, up to which ``backends``."""

    backends: tuple[str, ...] = Field(min_length=1)


def climb_ladder(order: LadderOrder, report: Report) -> GraphResult:
    """Climbs and keeps."""
    from qexplorer.measure.ladder.ladder import climb

    model, data = load_both(order, report)
    found = climb(
        model, order.recipe, data, backends=order.backends, samples=order.samples, progress=report.after_loading
    )
    return GraphResult(found.digest)


LADDER = JobKind("ladder", "Climbing the ladder", "Compare", LadderOrder, GraphResult, climb_ladder)
ENTRIES = (LADDER,)
