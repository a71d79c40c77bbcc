"""From recipes to files: statistics once, then one quantized model for each recipe; what fails, fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.variant import Variant, quantized_variant

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
    data: DataSet,
    *,
    progress: Callable[[str, float], None],
    samples: int = CALIBRATION_SAMPLES,
) -> Iterator[Prepared]:
    """Quantizes ``model`` by each recipe, in their order.

    Args:
        model: the float model.
        recipes: what to make of it.
        data: its calibration part is observed once, and only if a recipe needs it.
        progress: told a sentence and the share of observing that is done (all of it while algorithms work); may raise
            Cancelled.
        samples: calibration samples, at most.
    """
    statistics: Statistics | None = None
    failed: str | None = None
    if any(recipe.needs_statistics for recipe in recipes):
        statistics, failed = _observe(model, data, samples, progress)
    for recipe in recipes:
        progress(f"quantizing by {recipe.name}", 1.0)
        if recipe.needs_statistics and failed is not None:
            yield Prepared(recipe, recipe.digest, None, failed)
        else:
            yield _quantize(model, recipe, statistics if recipe.needs_statistics else None, data, samples, progress)


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
    data: DataSet,
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
        what = f"the recipe could not be applied ({type(error).__name__}: {error})"
        return Prepared(recipe, recipe.digest, None, " ".join(what.split()))
    return Prepared(recipe, q.digest, quantized_variant(q, recipe.name), None)
