"""From recipes to files: statistics once, then one quantized model for each recipe; what fails, fails alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, ChildError, QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.variant import Variant, quantized_variant
from qexplorer.process.unforeseen import unforeseen
from qexplorer.quantize.apart import goes_apart, prepare_apart

if TYPE_CHECKING:
    from qexplorer.observe.stats import Statistics

__all__ = ["CALIBRATION_SAMPLES", "Prepared", "prepare"]

CALIBRATION_SAMPLES = 512


@dataclass(frozen=True, slots=True)
class Prepared:
    """One recipe's file, or why there is none. ``digest`` is the recipe's own where there is no file."""

    recipe: Recipe
    digest: str
    variant: Variant | None
    failed: str | None


def prepare(
    model: Model,
    recipes: Sequence[Recipe],
    data: DataSet | None,
    *,
    progress: Callable[[str, float], None],
    samples: int = CALIBRATION_SAMPLES,
) -> Iterator[Prepared]:
    """Quantizes ``model`` by each recipe, in their order.

    Args:
        model: the float model.
        recipes: what to make of it.
        data: its calibration part is observed once, and only if a recipe needs it; None where none does.
        progress: told a sentence and the share of observing that is done (all of it while algorithms work); may raise
            Cancelled.
        samples: calibration samples, at most.
    """
    apart = _apart(model, recipes, data, samples, progress) if goes_apart(model) else {}
    statistics: Statistics | None = None
    failed: str | None = None
    if any(recipe.needs_statistics and recipe.digest not in apart for recipe in recipes):
        assert data is not None, "a recipe needs data"
        statistics, failed = _observe(model, data, samples, progress)
    for recipe in recipes:
        progress(f"quantizing by {recipe.name}", 1.0)
        if recipe.digest in apart:
            yield Prepared(recipe, recipe.digest, None, apart[recipe.digest])
        elif recipe.needs_statistics and failed is not None:
            yield Prepared(recipe, recipe.digest, None, failed)
        else:
            yield _quantize(model, recipe, statistics if recipe.needs_statistics else None, data, samples, progress)


def _apart(
    model: Model,
    recipes: Sequence[Recipe],
    data: DataSet | None,
    samples: int,
    progress: Callable[[str, float], None],
) -> dict[str, str]:
    """Has all of it done in a child, and says why a recipe cannot be applied, by its digest."""

    def observed(done: int, total: int) -> None:
        progress(f"observing sample {done} of {total}", done / max(total, 1))

    def worked(step: str, share: float) -> None:  # noqa: ARG001 - as below
        progress(step, 1.0)

    try:
        errors = prepare_apart(model, recipes, data, samples=samples, observing=observed, working=worked)
    except ChildError as error:
        return {recipe.digest: error.sentence for recipe in recipes}
    return {recipe.digest: error.sentence for recipe, error in zip(recipes, errors, strict=True) if error is not None}


def _observe(
    model: Model, data: DataSet, samples: int, progress: Callable[[str, float], None]
) -> tuple[Statistics | None, str | None]:
    from qexplorer.observe.collecting.store import statistics_for

    def told(done: int, total: int) -> None:
        progress(f"observing sample {done} of {total}", done / max(total, 1))

    progress("observing calibration data", 0.0)
    try:
        return statistics_for(model, data, samples=samples, progress=told), None
    except Cancelled:
        raise
    except QExplorerError as error:
        return None, f"its ranges could not be observed: {error.sentence}"


def _quantize(
    model: Model,
    recipe: Recipe,
    statistics: Statistics | None,
    data: DataSet | None,
    samples: int,
    progress: Callable[[str, float], None],
) -> Prepared:
    from qexplorer.quantize.quantize import quantize_model

    def told(step: str, share: float) -> None:  # noqa: ARG001 - a comparison knows how long it takes by recipes
        progress(f"{recipe.name}: {step}", 1.0)

    given = data if recipe.needs_samples or recipe.casts else None
    try:
        q = quantize_model(model, recipe, statistics, given, samples=samples, progress=told)
    except Cancelled:
        raise
    except QExplorerError as error:
        return Prepared(recipe, recipe.digest, None, error.sentence)
    except Exception as error:  # one recipe that fails must not take the others with it
        traceback.print_exc()
        return Prepared(recipe, recipe.digest, None, f"the recipe could not be applied: {unforeseen(error).what}")
    return Prepared(recipe, q.digest, quantized_variant(q, recipe.name), None)
