"""The job that finds out what each algorithm of a recipe changed, and keeps it."""

from __future__ import annotations

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, DataOrder, GraphResult
from qexplorer.jobs.report import Report

__all__ = ["EFFECTS", "EffectsOrder"]


class EffectsOrder(DataOrder):
    """Which recipe's algorithms, seen by how many calibration ``samples`` at most."""

    recipe: RecipeText
    samples: int = CALIBRATION_SAMPLES


def find_effects(order: EffectsOrder, report: Report) -> GraphResult:
    """Quantizes with and without each algorithm, compares and keeps."""
    from qexplorer.measure.effects.effects import effects_of

    model, data = load_both(order, report)
    found = effects_of(model, order.recipe, data, samples=order.samples, progress=report.after_loading)
    return GraphResult(found.digest)


EFFECTS = JobKind("effects", "Finding what changed", "Better rounding", EffectsOrder, GraphResult, find_effects)
ENTRIES = (EFFECTS,)
