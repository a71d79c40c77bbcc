"""What is wrong with a quantized model, and the recipe in which it is mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.search.repair.repair_types import RepairReport

__all__ = ["repair"]


def repair(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    train_each: bool = False,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[RepairReport], None] | None = None,
) -> RepairReport:
    """Finds what is wrong with the layers of a quantized model, tries what may help, and keeps what does.

    ``report.diagnoses`` are the faults with their evidence, ``report.steps`` what was tried and gained, and
    ``qx.Recipe.parse(report.repaired)`` the repaired recipe.

    Args:
        model: a model, or what :func:`load` takes.
        recipe: by which it is quantized, or what ``Recipe.parse`` takes.
        data: a data set, or what :func:`data` takes. A sample model brings its own.
        train_each: of a recipe that trains: whether every recipe that is measured is trained, which takes long; else it
            is searched without, and ``report.repaired`` is to be trained.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known before the end.

    Raises:
        RecipeError: the recipe rounds nothing, or cannot be applied.
        InputError: what :func:`load` and :func:`data` raise.
    """
    from qexplorer.search.repair.finding import find_repair
    from qexplorer.search.training_apart import to_search

    float_model = load(model)
    given = fitted(float_model, data, "remedies are judged on samples, so it needs data")
    asked = to_search(Recipe.parse(recipe), train_each=train_each)
    return find_repair(float_model, given, asked, progress=progress, partly=partly)
