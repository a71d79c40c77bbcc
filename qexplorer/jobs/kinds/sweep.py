"""The job that times a model at every batch size and number of threads; and where its result is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from qexplorer.jobs.coding import RecipeText, encode
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report

if TYPE_CHECKING:
    from pathlib import Path

    from qexplorer.measure.timing.sweep_types import Cell, Sweep

__all__ = ["SWEEP", "SweepOrder", "SweepPartial", "SweepResult", "kept_sweep", "sweep_path"]


class SweepOrder(DataOrder):
    """What to sweep.

    Attributes:
        recipes: beside the float model.
        backend: a backend's name.
        effort: ``quick``, ``standard`` or ``report``.
    """

    recipes: tuple[RecipeText, ...] = Field(min_length=1)
    backend: str
    effort: str = "quick"


@dataclass(frozen=True, slots=True)
class SweepPartial:
    """How many cells are known so far."""

    cells: int


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many cells have numbers; the sweep itself is kept in the workspace."""

    cells: int


def sweep(order: SweepOrder, report: Report[SweepPartial]) -> SweepResult:
    """Sweeps, and keeps the result under what was asked for."""
    from qexplorer.measure.effort import effort_of
    from qexplorer.measure.kept import write_kept
    from qexplorer.measure.timing.sweep import sweep as measure_sweep

    model, data = load_both(order, report)

    def tell(step: str, share: float, cells: tuple[Cell, ...]) -> None:
        report.after_loading(step, share)
        report.partial(SweepPartial(len(cells)))

    found = measure_sweep(
        model, list(order.recipes), data, backend=order.backend, effort=effort_of(order.effort), tell=tell
    )
    write_kept(sweep_path(order), found.to_json())
    return SweepResult(sum(cell.p50_ms is not None for cell in found.cells))


def sweep_path(order: SweepOrder) -> Path:
    """Where the result of this order is kept, or would be."""
    from qexplorer.measure.kept import kept_path

    return kept_path("sweeps", encode(SweepOrder, order))


def kept_sweep(order: SweepOrder) -> Sweep | None:
    """The last result of a job with this order, or None."""
    from qexplorer.measure.kept import read_kept
    from qexplorer.measure.timing.sweep_types import Sweep

    value = read_kept(sweep_path(order))
    try:
        return None if value is None else Sweep.from_json(value)
    except (KeyError, TypeError, ValueError):  # of another version
        return None


SWEEP = JobKind(
    "sweep", "Sweeping batch and threads", "Compare", SweepOrder, SweepResult, sweep, partial=SweepPartial, nice=0
)
ENTRIES = (SWEEP,)
