"""What keeps a training from beginning, and what to know before it does: each one sentence."""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.quantize.training.lesson_checks import refused
from qexplorer.ui.session import fitted_data

__all__ = ["cautions", "nothing_to_learn", "refusal"]

_FEW = 100


def refusal(model: Model, recipe: Recipe) -> str | None:
    """Why nothing can be trained, one sentence; None if something can."""
    if model.untrained:
        return "This architecture is untrained: there is no accuracy to win back, so choose a trained model."
    asked = [recipe.for_layer(each.name, each.op).weights for each in model.quantizable_layers]
    if not any(spec is not None and get_format(spec.format).has_scale for spec in asked):
        return "This recipe leaves every weight in float, so nothing is rounded: choose a format on page Quantize."
    return None


def nothing_to_learn(model: Model, recipe: Recipe) -> str | None:
    """Why training on the chosen data cannot begin, one sentence; None if it can."""
    data = fitted_data()
    error = None if data is None else refused(model, recipe, data)
    return None if error is None else f"{error.sentence[:1].upper()}{error.sentence[1:]}."


def cautions(model: Model) -> tuple[str, ...]:
    """What to know of the data before training on it."""
    data = fitted_data()
    if data is None:
        return ()
    split, found = data.calibration, []
    if split.n < _FEW:
        found.append(f"Only {split.n} calibration samples: it may learn them by heart, and few are left to judge.")
    if split.labels is None:
        found.append("No labels: it learns from the float model's answers alone, and is judged against them.")
    elif task_of(data).classes(model.outputs) and split.labels.ndim == 1 and len(np.unique(split.labels)) == 1:
        found.append("All calibration labels are one class, so that accuracy says little: bring mixed samples.")
    return tuple(found)
