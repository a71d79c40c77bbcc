"""The job that trains a model with the rounding of a recipe in the way, where it keeps its diary, and the job that
tells what a training will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, DataOrder
from qexplorer.jobs.report import LOADING, Report, overall
from qexplorer.quantize.plan_types import LayerPlan
from qexplorer.quantize.training.diaries.forecast import TrainingForecast

if TYPE_CHECKING:
    from pathlib import Path

    from qexplorer.quantize.training.diaries.diary import Diary

__all__ = ["FORETELL", "TRAIN", "ForetellOrder", "TrainOrder", "TrainResult", "diary_of"]


class TrainOrder(DataOrder):
    """What to train.

    Attributes:
        recipe: how; its training goes all the way.
        samples: of the calibration part that ranges are observed on, at most; all of it is learned from.
        until: keep the best state of so many epochs, which were trained before; 0: train all.
    """

    recipe: RecipeText
    samples: int = CALIBRATION_SAMPLES
    until: int = Field(0, ge=0)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came of it; how it went is in its diary.

    Attributes:
        digest: of the quantized file, under which the workspace keeps it.
        recipe: by which anybody gets the same file; with an epoch to stop after, if it was stopped.
        layers: what happened to each layer.
        until: the epoch after which it was stopped; 0: it was not.
        weight_bytes: its constants, packed.
        integer: the metric of the written file on the samples held back, by the reference backend; None: it has none.
    """

    digest: str
    recipe: RecipeText
    layers: tuple[LayerPlan, ...]
    until: int
    weight_bytes: int
    integer: float | None = None


def diary_of(order: TrainOrder) -> Path:
    """Where the training of this order keeps its diary, wherever it is stopped."""
    from qexplorer.quantize.training.diaries.diary import diary_path

    return diary_path("job", TRAIN.digest(order.model_copy(update={"until": 0})))


def train(order: TrainOrder, report: Report) -> TrainResult:
    """Trains; a training that was ended before goes on from where it was."""
    model, data = load_both(order, report)
    from qexplorer import api
    from qexplorer.jobs.training import looked_at, stop_asked
    from qexplorer.quantize.training.diaries.keeping import DiaryKeeper

    keeper: DiaryKeeper | None = None

    def working(step: str, share: float) -> None:
        diary = None if keeper is None else keeper.diary
        left = None if diary is None else diary.seconds_left
        report.step(step.removeprefix("training, "), overall(0.1 + 0.85 * share), left, series="training")

    def observing(done: int, total: int) -> None:
        report.step(f"observing sample {done} of {total}", LOADING + 0.05 * done / max(total, 1), series="observing")

    def wanted() -> list[str]:
        return [] if keeper is None or keeper.diary is None else looked_at(report.folder, keeper.diary.layers)

    folder = report.folder
    keeper = DiaryKeeper(diary_of(order), stops=lambda: stop_asked(folder), wanted=wanted)
    found = api.train(
        model,
        order.recipe,
        data,
        samples=order.samples,
        observing=observing,
        steps=working,
        keeper=keeper,
        until=order.until,
    )
    from qexplorer.measure.held_back import metric_of_file

    report.step("checking the written file", 0.97)
    made = found.quantized
    integer = metric_of_file(made, data)
    return TrainResult(made.digest, made.recipe, made.plan.layers, found.stopped_after, made.weight_bytes, integer)


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


TRAIN = JobKind("train", "Training", "Train", TrainOrder, TrainResult, train)
FORETELL = JobKind("foretell", "Measuring a few steps", "Train", ForetellOrder, TrainingForecast, foretell)
ENTRIES = (TRAIN, FORETELL)


def diary_now(order: TrainOrder) -> Diary | None:
    """The diary as it is now; None before there is one."""
    from qexplorer.quantize.training.diaries.diary import read_diary

    return read_diary(diary_of(order))
