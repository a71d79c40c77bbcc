"""The job that calibrates with few samples and with many, and judges each."""

from __future__ import annotations

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.measure.data_needed.needed_types import DataNeeded

__all__ = ["NEEDED", "NeededOrder"]


class NeededOrder(DataOrder):
    """Of which activation (``tensor``), by which recipe, in how many ``draws``, on how many samples ``judged``."""

    recipe: RecipeText
    tensor: str
    draws: int = 3
    judged: int = 256


def find_needed(order: NeededOrder, report: Report[DataNeeded]) -> DataNeeded:
    """Observes for each draw and number of samples, and judges every calibrator."""
    model, data = load_both(order, report)
    from qexplorer.measure.data_needed.measuring import data_needed

    return data_needed(
        model,
        order.recipe,
        data,
        order.tensor,
        draws=order.draws,
        judged=order.judged,
        progress=report.after_loading,
        partly=report.partial,
    )


NEEDED = JobKind(
    "needed", "Calibrating with few and many", "Distributions", NeededOrder, DataNeeded, find_needed, partial=DataNeeded
)
ENTRIES = (NEEDED,)
