"""The job that looks into one layer, so that a page can show how algorithms round it."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report

__all__ = ["LESSON", "LessonOrder", "LessonResult"]


class LessonOrder(DataOrder):
    """Which ``layer``, on grids laid as ``recipe`` lays those of weights."""

    recipe: RecipeText
    layer: str


@dataclass(frozen=True, slots=True)
class LessonResult:
    """How many weights can be looked at; what was found is kept in the workspace."""

    weights: int


def make_lesson(order: LessonOrder, report: Report) -> LessonResult:
    """Observes the layer's inputs, lets AdaRound learn at every width, and keeps it."""
    model, data = load_both(order, report)
    from qexplorer.measure.lessons.making import lesson_of

    found = lesson_of(model, data, order.recipe, order.layer, progress=report.after_loading)
    return LessonResult(found.values.size)


LESSON = JobKind("lesson", "Looking into a layer", "Better rounding", LessonOrder, LessonResult, make_lesson)
ENTRIES = (LESSON,)
