"""The job that finds the best mix of number formats, and hands over what it knows as it goes."""

from __future__ import annotations

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.search.mixing.mix_types import MixReport

__all__ = ["MIX", "MixOrder"]


class MixOrder(DataOrder):
    """What to find.

    Attributes:
        recipe: what all layers share.
        formats: to choose among.
        share: most bytes of weights, as a fraction of int8's; None with ``most_drop``.
        most_drop: by how much the metric may drop; None with ``share``.
    """

    recipe: RecipeText
    formats: tuple[str, ...] = ("int8", "int4")
    share: float | None = 0.6
    most_drop: float | None = None


def find(order: MixOrder, report: Report[MixReport]) -> MixReport:
    """Foretells, solves, measures, and keeps the report."""
    model, data = load_both(order, report)
    from qexplorer import api

    return api.search(
        model,
        data,
        order.recipe,
        formats=order.formats,
        share=order.share,
        most_drop=order.most_drop,
        progress=report.after_loading,
        partly=report.partial,
    )


MIX = JobKind("mix", "Finding the best mix", "Mixed precision", MixOrder, MixReport, find, partial=MixReport)
