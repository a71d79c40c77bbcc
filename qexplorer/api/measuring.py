"""Measuring one model, and comparing several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run
from qexplorer.report.table import ComparisonTable

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Progress
    from qexplorer.quantize.plan_types import QuantizedModel

__all__ = ["compare", "measure"]


def measure(
    quantized: QuantizedModel | Model,
    data: DataSet | str | Path | None = None,
    *,
    backend: str | None = None,
    samples: int | None = None,
    quick: bool = True,
    effort: str | None = None,
) -> Run:
    """Accuracy, size, latency, memory, energy, fidelity and kernels of one model on one backend.

    Args:
        quantized: what :func:`quantize` returned, or a float model.
        data: a data set, or what :func:`data` takes; a sample model brings its own.
        backend: a backend's name (``qexplorer doctor`` lists them); by default the reference, ``onnxruntime``.
        samples: evaluation samples used, at most; all by default.
        quick: fewer timed calls, so wider intervals of latency; accuracy is the same. False: ``standard``.
        effort: ``quick``, ``standard`` or ``report`` (about 10, 60, 600 s for a small model); replaces ``quick``.

    Raises:
        UnknownName: no such backend.
        BackendError: the backend is not available here.
    """
    from qexplorer.measure.effort import effort_of
    from qexplorer.measure.run_one import measure as measure_one

    how_long = effort_of(effort, quick=quick)
    float_model = quantized if isinstance(quantized, Model) else quantized.model
    given = fitted(float_model, data, "measuring needs data")
    return measure_one(quantized, given, backend=backend, samples=samples, effort=how_long)


def compare(
    model: Model | str | Path,
    recipes: Sequence[Recipe | str | Path] | Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    backends: Sequence[str] | str | None = None,
    samples: int | None = None,
    quick: bool = True,
    effort: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ComparisonTable:
    """The float model and every recipe on every backend, side by side, the float model first.

    Args:
        model: a model, or what :func:`load` takes.
        recipes: recipes, or what ``Recipe.parse`` takes; one or several.
        data: a data set, or what :func:`data` takes; a sample model brings its own.
        backends: names of backends (``qexplorer doctor`` lists them); by default the reference, ``onnxruntime``.
        samples: evaluation samples used, at most; all by default.
        quick: fewer timed calls, so wider intervals of latency; accuracy is the same. False: ``standard``.
        effort: ``quick``, ``standard`` or ``report`` (about 10, 60, 600 s for a small model); replaces ``quick``.
        progress: called as the work goes on.

    Raises:
        InputError: an unknown backend, a recipe that cannot be read, or what :func:`load` and :func:`data` raise.
    """
    from qexplorer.measure.compare import compare as compare_all
    from qexplorer.measure.effort import effort_of

    given = [recipes] if isinstance(recipes, (Recipe, str, Path)) else list(recipes)
    if not given:
        raise RecipeError("no recipe to compare with", allowed="at least one, such as w8a8")
    how_long = effort_of(effort, quick=quick)
    float_model, wanted = load(model), [Recipe.parse(recipe) for recipe in given]
    given_data = fitted(float_model, data, "a comparison needs data")
    comparison = compare_all(
        float_model,
        wanted,
        given_data,
        backends=[backends] if isinstance(backends, str) else backends,
        effort=how_long,
        samples=samples,
        progress=progress,
    )
    return ComparisonTable(comparison)
