"""The functions behind ``import qexplorer as qx``: load, data, quantize, measure, compare.

Each takes what a person has at hand (a name, a path, a value) and hands finished values to the package that does the
work. Data is always fitted to the model first: inputs renamed, types cast, shapes checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qexplorer.report.notebook  # noqa: F401 - registers how values show themselves
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import InputError, ModelError, RecipeError
from qexplorer.core.files import given_path
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run
from qexplorer.report.table import ComparisonTable

if TYPE_CHECKING:
    import torch

    from qexplorer.load.datasets.preprocess import Preprocessing
    from qexplorer.measure.comparison import Progress
    from qexplorer.measure.effects.effect_types import EffectReport
    from qexplorer.quantize.plan_types import QuantizedModel

__all__ = ["CALIBRATION_SAMPLES", "compare", "data", "explain_algorithms", "load", "measure", "quantize"]

CALIBRATION_SAMPLES = 512


def load(
    source: str | Path | torch.nn.Module | Model,
    example_inputs: Any = None,
    *,
    architecture: str | None = None,
    name: str | None = None,
) -> Model:
    """A checked model.

    Args:
        source: a sample's name (``digits_cnn``), the path of an ``.onnx`` file, a torch module, or the path of weights
            (``.safetensors``, or a state_dict saved by ``torch.save``).
        example_inputs: a tensor or tuple of tensors that the torch module takes, first axis the batch.
        architecture: what weights are of: ``resnet18``, ``timm:NAME``, ``transformers:MODEL_TYPE``.
        name: what to call it; a sample's name or the file's stem by default.

    Raises:
        ModelError: with the file, what is wrong with it and what is allowed.
        UnknownName: neither a file nor a sample, or no such architecture.
    """
    if isinstance(source, Model):
        return source
    if architecture is not None:
        from qexplorer.load.weights.load import load_weights

        if not isinstance(source, str | Path):
            raise ModelError("an architecture is for a file of weights, and this is none", do="leave architecture out")
        return load_weights(given_path(source), architecture, name=name, shown=str(source))
    from qexplorer.load.model import load_model

    return load_model(source, example_inputs=example_inputs, name=name)


def data(
    source: str | Path | DataSet,
    *,
    preprocessing: Preprocessing | None = None,
    task: str | None = None,
    classes: Sequence[str] = (),
) -> DataSet:
    """A data set, split into calibration and evaluation.

    Args:
        source: a sample's name (``digits``), or the path of an .npz (x, y, optional groups), IDX, .csv, or .zip of
            class folders.
        preprocessing: scale, mean, std and layout to apply; as it is by default.
        task: what the labels are for, such as ``regression`` or ``segmentation``; by default what the file says, else
            what its labels mean (``data.task`` tells, and a note where it was inferred).
        classes: names of the classes in the model's order, for data whose labels are names, if neither the model nor
            the data lists them.

    Raises:
        DataError: with the file, what is wrong with it and what is allowed.
        UnknownName: neither a file nor a sample, or no such task.
    """
    if isinstance(source, DataSet):
        if task is not None and task != source.task:
            raise InputError(
                f"this data was read for the task {source.task}", where=source.name, do=f"read it with task='{task}'"
            )
        return source
    from qexplorer.load.datasets.load import load_data

    return load_data(source, preprocessing=preprocessing, task=task, classes=classes)


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
    from qexplorer.quantize.apart import goes_apart, prepare_apart
    from qexplorer.quantize.quantize import quantize_model

    float_model, wanted = load(model), Recipe.parse(recipe)
    fitted = _read_by(wanted, float_model, data)
    if goes_apart(float_model):
        (error,) = prepare_apart(float_model, [wanted], fitted, samples=samples, observing=progress, working=steps)
        if error is not None:
            raise error
    statistics = None
    if wanted.needs_statistics and fitted is not None:
        from qexplorer.observe.collecting.store import statistics_for

        statistics = statistics_for(float_model, fitted, samples=samples, progress=progress)
    return quantize_model(float_model, wanted, statistics, fitted, samples=samples, progress=steps)


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
    fitted = _fitted(float_model, data, "what layers make is compared on samples, so it needs data")
    return effects_of(float_model, wanted, fitted, samples=samples, progress=progress)


def _read_by(recipe: Recipe, model: Model, data: DataSet | str | Path | None) -> DataSet | None:
    """The data that quantizing by ``recipe`` reads, fitted to ``model``; None if it reads none."""
    if not recipe.needs_calibration:
        return _fitted(model, data, "") if recipe.casts and data is not None else None
    what = "has static activations" if recipe.needs_statistics else "has an algorithm that measures"
    return _fitted(model, data, f"the recipe '{recipe.name}' {what}, so it needs data")


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
    fitted = _fitted(float_model, data, "measuring needs data")
    return measure_one(quantized, fitted, backend=backend, samples=samples, effort=how_long)


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
    fitted = _fitted(float_model, data, "a comparison needs data")
    comparison = compare_all(
        float_model,
        wanted,
        fitted,
        backends=[backends] if isinstance(backends, str) else backends,
        effort=how_long,
        samples=samples,
        progress=progress,
    )
    return ComparisonTable(comparison)


def _fitted(model: Model, source: DataSet | str | Path | None, why: str) -> DataSet:
    """``source`` ready to feed to ``model``; a sample model's own data stands in for None."""
    from qexplorer.load.datasets.fit import fit_to_model

    return fit_to_model(data(_own_data(model, why) if source is None else source), model)


def _own_data(model: Model, why: str) -> str:
    """Name of the data of a sample model; a stranger's file of the same name is none."""
    from qexplorer.load.readers.registry import readable
    from qexplorer.load.samples.shelf import list_samples

    sample = next((each for each in list_samples() if each.name == model.name), None)
    if sample is not None and (model.untrained or sample.sha256 in (model.sha256, model.source_sha256)):
        return sample.data
    allowed = f"a sample's name, or the path of {readable()}"
    raise InputError(why, where=model.name, allowed=allowed, do="name a data set")
