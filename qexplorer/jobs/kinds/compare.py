"""The job that compares recipes with the float model and keeps the comparison in the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qexplorer.core.errors import InputError
from qexplorer.jobs.coding import RunValue
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.report import Report, overall

if TYPE_CHECKING:
    from qexplorer.core.results import Run
    from qexplorer.measure.comparison import Progress

__all__ = ["COMPARE", "CompareResult"]


@dataclass(frozen=True, slots=True)
class CompareResult:
    """Which comparison of the history came of it.

    Attributes:
        comparison: its id.
        unkept: why it is not in the history; None if it is.
        body: the comparison itself, where the history could not take it.
    """

    comparison: str
    unkept: str | None = None
    body: dict[str, Any] | None = None


def compare(order: CompareOrder, report: Report[tuple[Run, ...]]) -> CompareResult:
    """Compares, and adds the comparison to the history with its order."""
    model, data = load_both(order, report)
    from qexplorer import api
    from qexplorer.jobs.history import History

    told: tuple[Run, ...] = ()

    def tell(progress: Progress) -> None:
        nonlocal told
        report.step(progress.step, overall(progress.done), progress.seconds_left)
        if progress.runs != told:
            told = progress.runs
            report.partial(told)

    table = api.compare(
        model,
        order.recipes,
        data,
        backends=order.backends or None,
        effort=order.effort,
        samples=order.samples,
        progress=tell,
    )
    report.release_room()
    try:
        History().add(table.comparison, order)
    except InputError as error:  # what was measured is shown all the same
        return CompareResult(table.comparison.id, error.sentence, table.comparison.to_json())
    return CompareResult(table.comparison.id)


COMPARE = JobKind(
    "compare",
    "Comparing",
    "Compare",
    CompareOrder,
    CompareResult,
    compare,
    partial=tuple[RunValue, ...],
    nice=0,
    sweeps=True,
)
ENTRIES = (COMPARE,)
