"""The job that finds out what rounding each layer costs, and hands over what it knows as it goes."""

from __future__ import annotations

from typing import Literal

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport

__all__ = ["SENSITIVITY", "SensitivityOrder"]


class SensitivityOrder(DataOrder):
    """What to find out.

    Attributes:
        recipe: by which layers are rounded.
        samples: calibration samples that are looked at, at most.
        rounded: what of a layer is rounded when it is evaluated alone.
        setups: which other layers are rounded meanwhile.
        everything: whether every layer is evaluated on all samples, however long that takes.
    """

    recipe: RecipeText
    samples: int = 128
    rounded: tuple[Literal["weights", "activations", "both"], ...] = ("both",)
    setups: tuple[Literal["alone", "all_but_one", "cumulative"], ...] = ("alone",)
    everything: bool = False


def find(order: SensitivityOrder, report: Report[SensitivityReport]) -> SensitivityReport:
    """Foretells, evaluates, and keeps the report."""
    model, data = load_both(order, report)
    from qexplorer import api

    return api.sensitivity(
        model,
        data,
        order.recipe,
        samples=order.samples,
        rounded=order.rounded,
        setups=order.setups,
        passes=None if order.everything else -1.0,
        progress=report.after_loading,
        partly=report.partial,
    )


SENSITIVITY = JobKind(
    "sensitivity",
    "Finding what each layer costs",
    "Sensitivity",
    SensitivityOrder,
    SensitivityReport,
    find,
    partial=SensitivityReport,
    sweeps=True,
)
ENTRIES = (SENSITIVITY,)
