"""The job that finds the best mix of number formats, and hands over what it knows as it goes."""

from __future__ import annotations

from pydantic import Field

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
        choices: for a layer.
        budgets: the most of each cost, as a fraction of int8's.
        most_drop: by how much the metric may drop.
        as_float: whether no test may tell it from float.
        axis: the cost that is made least, and that the front is over.
        backend: where it is timed; None: nowhere.
        hardware_aware: whether only choices with integer kernels there are taken.
        train_each: whether every recipe that is measured is trained, where the recipe trains.
    """

    recipe: RecipeText
    choices: tuple[str, ...] = ("int8", "int4")
    budgets: dict[str, float] = Field(default_factory=dict)
    most_drop: float | None = None
    as_float: bool = False
    axis: str = ""
    backend: str | None = None
    hardware_aware: bool = False
    train_each: bool = False


def find(order: MixOrder, report: Report[MixReport]) -> MixReport:
    """Foretells, solves, measures, and keeps the report."""
    model, data = load_both(order, report)
    from qexplorer import api

    return api.search(model, data=data, **order.asked, progress=report.after_loading, partly=report.partial)


MIX = JobKind(
    "mix",
    "Finding the best mix",
    "Mixed precision",
    MixOrder,
    MixReport,
    find,
    partial=MixReport,
    nice=0,
    sweeps=True,
)
