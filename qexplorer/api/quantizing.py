"""Quantizing by a recipe, and what its algorithms changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.measure.effects.effect_types import EffectReport
    from qexplorer.quantize.plan_types import QuantizedModel
    from qexplorer.quantize.training.watching import Watcher

__all__ = ["CALIBRATION_SAMPLES", "explain_algorithms", "made", "quantize"]

CALIBRATION_SAMPLES = 512


def quantize(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    samples: int = CALIBRATION_SAMPLES,
    progress: Callable[[int, int], None] | None = None,
    steps: Callable[[str, float], None] | None = None,
) -> QuantizedModel:
    """A model quantized by a recipe.

    Args:
        model: a model, or what :func:`load` takes.
        recipe: a recipe, or what ``Recipe.parse`` takes.
        data: a data set, or what :func:`data` takes; only its calibration part is read, and only if the recipe has
            static activations, an algorithm that needs data, or a narrower float (fp16) that may not hold what data
            make of a layer. A sample model brings its own where data are needed.
        samples: calibration samples used, at most.
        progress: called with (samples done, samples in all) while ranges are observed.
        steps: called with (a sentence, the share that is done) while algorithms work.

    Raises:
        InputError: a recipe that needs data without data, or what :func:`load` and :func:`data` raise.
    """
    float_model, wanted = load(model), Recipe.parse(recipe)
    given = _read_by(wanted, float_model, data)
    return made(float_model, wanted, given, samples=samples, progress=progress, steps=steps)


def explain_algorithms(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    samples: int = CALIBRATION_SAMPLES,
    progress: Callable[[str, float], None] | None = None,
) -> EffectReport:
    """What each algorithm of a recipe changed, layer by layer: weight and output errors, codes, and seconds.

    Each algorithm stands against the same recipe without it. In a notebook the report shows itself.

    Args:
        model: a model, or what :func:`load` takes.
        recipe: a recipe with algorithms, or what ``Recipe.parse`` takes.
        data: a data set, or what :func:`data` takes; its calibration part alone is read. A sample model brings its own.
        samples: calibration samples used, at most.
        progress: called with (a sentence, the share that is done).

    Raises:
        RecipeError: the recipe has no algorithm, or cannot be applied.
        InputError: what :func:`load` and :func:`data` raise.
    """
    from qexplorer.measure.effects.effects import effects_of

    float_model, wanted = load(model), Recipe.parse(recipe)
    given = fitted(float_model, data, "what layers make is compared on samples, so it needs data")
    return effects_of(float_model, wanted, given, samples=samples, progress=progress)


def made(
    model: Model,
    recipe: Recipe,
    data: DataSet | None,
    *,
    samples: int,
    progress: Callable[[int, int], None] | None = None,
    steps: Callable[[str, float], None] | None = None,
    watcher: Watcher | None = None,
    diary: Path | None = None,
    told: Callable[[], None] | None = None,
) -> QuantizedModel:
    """As :func:`quantize`, of values that fit each other.

    Args:
        model: the float model.
        recipe: what is asked for.
        data: fitted to the model; None where the recipe reads none.
        samples: calibration samples, at most.
        progress: called with (samples done, samples in all).
        steps: called with (a sentence, the share that is done).
        watcher: told how training goes, unless that is in a process of its own.
        diary: file in which such a process keeps the diary of the training.
        told: called where it has written something there.
    """
    from qexplorer.quantize.apart import goes_apart, prepare_apart
    from qexplorer.quantize.quantize import quantize_model

    if goes_apart(model):
        observing = {"samples": samples, "observing": progress, "working": steps}
        (error,) = prepare_apart(model, [recipe], data, **observing, diary=diary, told=told)  # type: ignore[arg-type]
        if error is not None:
            raise error
        watcher = None  # it is done: what follows reads what is kept
    statistics = None
    if recipe.needs_statistics and data is not None:
        from qexplorer.observe.collecting.store import statistics_for

        statistics = statistics_for(model, data, samples=samples, progress=progress)
    return quantize_model(model, recipe, statistics, data, samples=samples, progress=steps, watcher=watcher)


def _read_by(recipe: Recipe, model: Model, data: DataSet | str | Path | None) -> DataSet | None:
    """The data that quantizing by ``recipe`` reads, fitted to ``model``; None if it reads none."""
    if not recipe.needs_calibration:
        return fitted(model, data, "") if recipe.casts and data is not None else None
    what = "has static activations" if recipe.needs_statistics else "has an algorithm that measures"
    return fitted(model, data, f"the recipe '{recipe.name}' {what}, so it needs data")
