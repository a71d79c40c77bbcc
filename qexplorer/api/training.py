"""Training with rounding in the way, and what it will take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.api.given import fitted, load
from qexplorer.api.quantizing import CALIBRATION_SAMPLES, made
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.quantize.training.diaries.diary import Diary
    from qexplorer.quantize.training.diaries.forecast import TrainingForecast
    from qexplorer.quantize.training.diaries.keeping import DiaryKeeper
    from qexplorer.quantize.training.diaries.outcome import TrainedModel

__all__ = ["foretell_training", "train", "trained_epochs"]


def train(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    samples: int = CALIBRATION_SAMPLES,
    progress: Callable[[Diary], None] | None = None,
    observing: Callable[[int, int], None] | None = None,
    steps: Callable[[str, float], None] | None = None,
    keeper: DiaryKeeper | None = None,
    **options: Any,
) -> TrainedModel:
    """A model trained with the rounding of a recipe in the way, and how that went.

    Ctrl-C, or the stop button of a notebook, ends it with the best state of the whole epochs so far. The same call
    goes on from there.

    Args:
        model: a model, or what :func:`load` takes.
        recipe: what is to be trained, or what ``Recipe.parse`` takes; ``qat`` is added where it is not there.
        data: a data set, or what :func:`data` takes; its calibration part is learned from and judged on. A sample model
            brings its own.
        samples: calibration samples that ranges are observed on, at most; all of them are learned from.
        progress: called about twice a second with the diary of the training so far.
        observing: called with (samples done, samples in all) while ranges are observed.
        steps: called with (a sentence, the share that is done).
        keeper: who keeps the diary; by default one that keeps it in the workspace.
        **options: of the algorithm ``qat``, such as ``epochs=20``; see docs/algorithms/qat.md.

    Raises:
        InputError: an option that cannot be, no data, nothing to learn from it, or what :func:`load` and :func:`data`
            raise.
        Cancelled: it was stopped before there was a whole epoch; KeyboardInterrupt where Ctrl-C did it.
    """
    from qexplorer.quantize.training.diaries.diary import diary_path, read_diary
    from qexplorer.quantize.training.diaries.keeping import DiaryKeeper
    from qexplorer.quantize.training.diaries.outcome import TrainedModel
    from qexplorer.quantize.training.recipes import asked_of, stopped_after, trained, without_until

    float_model, wanted = load(model), trained(Recipe.parse(recipe), **options)
    given = _ready(float_model, wanted, data)
    tell = progress or (lambda _: None)
    path = diary_path(float_model.sha256, without_until(wanted).digest, given.digest)
    keeper = keeper or DiaryKeeper(path, told=tell)
    path = keeper.path or path
    ready: dict[str, Any] = {"samples": samples, "progress": observing, "steps": steps}

    def told() -> None:
        found = read_diary(path)
        if found is not None:
            tell(found)

    def known() -> Diary | None:
        return keeper.diary or read_diary(path)

    try:
        quantized = made(float_model, wanted, given, **ready, watcher=keeper, diary=path, told=told)
    except (Cancelled, KeyboardInterrupt):
        diary = known()
        if diary is None or diary.trained < 1:
            raise
        quantized = made(float_model, stopped_after(wanted, diary.trained), given, **ready)
    diary, asked = known(), asked_of(quantized.recipe)
    if diary is None or asked is None:
        what = "nothing was trained: by this recipe no layer has a weight on a grid"
        raise RecipeError(what, where=wanted.name, do="choose a format with a scale for the weights")
    until = int(asked.options["until"])
    return TrainedModel(quantized, diary if not until else diary.cut(until))


def _ready(model: Model, recipe: Recipe, data: DataSet | str | Path | None) -> DataSet:
    """The data, fitted; raises InputError where nothing can be learned, before anything runs."""
    from qexplorer.quantize.training.lesson_checks import refused

    given = fitted(model, data, "training needs data")
    error = refused(model, recipe, given)
    if error is not None:
        raise error
    return given


def foretell_training(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    samples: int = CALIBRATION_SAMPLES,
    observing: Callable[[int, int], None] | None = None,
    steps: Callable[[str, float], None] | None = None,
    **options: Any,
) -> TrainingForecast | None:
    """Time and memory that :func:`train` will take, from a few steps of it; None where there is nothing to train.

    Args are those of :func:`train`. It runs the model in this process.
    """
    from qexplorer.quantize.training.diaries.forecast import Prober
    from qexplorer.quantize.training.recipes import trained

    float_model, wanted = load(model), trained(Recipe.parse(recipe), **options)
    given = _ready(float_model, wanted, data)
    prober = Prober()
    try:
        made(float_model, wanted, given, samples=samples, progress=observing, steps=steps, watcher=prober)
    except Cancelled:
        if prober.forecast is None:
            raise
    return prober.forecast


def trained_epochs(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    data: DataSet | str | Path | None = None,
    **options: Any,
) -> int:
    """Whole epochs that an ended :func:`train` of the same arguments had come to.

    Raises:
        Cancelled: there is none.
    """
    from qexplorer.quantize.training.diaries.diary import diary_path, read_diary
    from qexplorer.quantize.training.recipes import trained, without_until

    float_model, wanted = load(model), trained(Recipe.parse(recipe), **options)
    given = fitted(float_model, data, "training needs data")
    diary = read_diary(diary_path(float_model.sha256, without_until(wanted).digest, given.digest))
    if diary is None or diary.trained < 1:
        raise Cancelled("it was ended before the first whole epoch, so that there is nothing to keep")
    return diary.trained
