"""The job that repairs a quantized model, and hands over what it found and tried as it goes."""

from __future__ import annotations

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.search.repair.repair_types import RepairReport

__all__ = ["REPAIR", "RepairOrder"]


class RepairOrder(DataOrder):
    """What to repair.

    Attributes:
        recipe: by which the model is quantized.
        train_each: whether every recipe that is measured is trained, where the recipe trains.
    """

    recipe: RecipeText
    train_each: bool = False


def find(order: RepairOrder, report: Report[RepairReport]) -> RepairReport:
    """Diagnoses, tries, and keeps the report."""
    model, data = load_both(order, report)
    from qexplorer import api

    return api.repair(model, data=data, **order.asked, progress=report.after_loading, partly=report.partial)


REPAIR = JobKind("repair", "Repairing", "Repair", RepairOrder, RepairReport, find, partial=RepairReport, sweeps=True)
