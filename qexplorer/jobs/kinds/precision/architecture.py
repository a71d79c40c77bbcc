"""The job that searches for small networks, and hands over what it knows as it goes."""

from __future__ import annotations

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.search.architecture.architecture_types import ArchitectureReport

__all__ = ["ARCHITECTURE", "ArchitectureOrder"]


class ArchitectureOrder(DataOrder):
    """What to search; fields as in ``api.design``.

    Attributes:
        networks: shapes in the first round.
        rounds: how many.
        epochs: of float training in the last round.
        rounded_epochs: of training with rounding in the way.
        judged: networks judged in the end.
        seed: of every draw.
        pictures: moved ones to learn from.
    """

    networks: int = 16
    rounds: int = 3
    epochs: int = 8
    rounded_epochs: int = 4
    judged: int = 5
    seed: int = 0
    pictures: int = 16384


def find(order: ArchitectureOrder, report: Report[ArchitectureReport]) -> ArchitectureReport:
    """Trains, chooses, judges, and keeps the report."""
    model, data = load_both(order, report)
    from qexplorer import api

    return api.design(model, data=data, **order.asked, progress=report.after_loading, partly=report.partial)


ARCHITECTURE = JobKind(
    "architecture",
    "Searching for networks",
    "Architecture",
    ArchitectureOrder,
    ArchitectureReport,
    find,
    partial=ArchitectureReport,
    nice=0,
    sweeps=True,
)
