"""The job that tells what a training will take, from a few of its steps."""

from __future__ import annotations

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, DataOrder
from qexplorer.jobs.report import Report
from qexplorer.quantize.training.diaries.forecast import TrainingForecast

__all__ = ["FORETELL", "ForetellOrder"]


class ForetellOrder(DataOrder):
    """Which training: of ``recipe``, ranges observed on ``samples`` of the calibration part, at most."""

    recipe: RecipeText
    samples: int = CALIBRATION_SAMPLES


def foretell(order: ForetellOrder, report: Report) -> TrainingForecast:
    """Makes a few steps and forgets them."""
    model, data = load_both(order, report)
    from qexplorer import api
    from qexplorer.core.errors import RecipeError

    observing = report.count_samples
    found = api.foretell_training(model, order.recipe, data, samples=order.samples, observing=observing)
    if found is None:
        raise RecipeError("by this recipe nothing learns", where=order.recipe.name, do="choose integer weights")
    return found


FORETELL = JobKind("foretell", "Measuring a few steps", "Train", ForetellOrder, TrainingForecast, foretell)
ENTRIES = (FORETELL,)
