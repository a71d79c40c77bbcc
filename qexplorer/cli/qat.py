"""``qexplorer qat MODEL --recipe R -o OUT.onnx``: a recipe trained with its rounding in the way, and what that won."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.quantize import writable
from qexplorer.cli.terminal import ProgressLine, print_facts, print_json, say, warn
from qexplorer.core.errors import RecipeError
from qexplorer.core.plugins import METRICS
from qexplorer.core.recipe import Recipe
from qexplorer.report.training_charts.words import forecast_text, integer_text, trouble, won
from qexplorer.report.words import bytes_text

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet
    from qexplorer.quantize.training.diaries.diary import Diary
    from qexplorer.quantize.training.diaries.forecast import TrainingForecast
    from qexplorer.quantize.training.diaries.outcome import TrainedModel

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Trains and writes the file; it is there as a whole, or not at all."""
    options = _options(order)
    recipe = Recipe.parse(order.recipe)
    if order.estimate:
        return _estimate(order, recipe, options)
    if order.output is None:
        raise RecipeError("there is nowhere to write the trained model", do="name a file with -o, such as -o out.onnx")
    target = writable(order.output)
    model = api.load(order.model)
    data = data_of(order, model)
    if order.keep_best:
        options["until"] = api.trained_epochs(model, recipe, data, **options)
    line, began = ProgressLine(quiet=order.quiet), time.monotonic()
    diary: Diary | None = None

    def follow(now: Diary) -> None:
        nonlocal diary
        diary = now

    def show(step: str, share: float) -> None:
        line.show(step, share, None if diary is None else diary.seconds_left)

    def observing(done: int, samples: int) -> None:
        line.show("observing ranges", done / max(samples, 1))

    try:
        found = api.train(model, recipe, data, progress=follow, observing=observing, steps=show, **options)
    finally:
        line.end()
    found.save(target)
    seconds = time.monotonic() - began
    integer = _integer(found, data)
    if order.json:
        print_json(_plain(found, target, seconds, integer))
    else:
        _print(found, target, seconds, integer)
    return 0


def _options(order: argparse.Namespace) -> dict[str, Any]:
    """What was asked of ``qat``: its own switches, and ``--option name=value``."""
    named = {name: getattr(order, name) for name in ("epochs", "rate", "batch", "seed", "until")}
    found = {name: value for name, value in named.items() if value is not None}
    for text in order.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f"'{text}' is no option", allowed="name=value, such as optimizer=sgd")
        found[name.strip().replace("-", "_")] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    """A number, or a word."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _estimate(order: argparse.Namespace, recipe: Recipe, options: dict[str, Any]) -> int:
    model = api.load(order.model)
    found = api.foretell_training(model, recipe, data_of(order, model), **options)
    if found is None:
        raise RecipeError("by this recipe nothing learns", where=recipe.name, do="choose integer weights")
    if order.json:
        print_json(_forecast(found))
    else:
        say(forecast_text(found))
    return 0


def _forecast(found: TrainingForecast) -> dict[str, Any]:
    return {
        "seconds": found.seconds,
        "memory_bytes": found.memory_bytes,
        "steps": found.of,
        "measured": found.steps,
        "went_on": found.went_on,
        "device": found.device,
    }


def _integer(found: TrainedModel, data: DataSet | None) -> float | None:
    from qexplorer.api.given import fitted
    from qexplorer.measure.held_back import metric_of_file

    return metric_of_file(found.quantized, fitted(found.quantized.model, data, "training needs data"))


def _plain(found: TrainedModel, target: Path, seconds: float, integer: float | None) -> dict[str, Any]:
    diary, quantized = found.diary, found.quantized
    return {
        "output": str(target),
        "model": {"name": quantized.model.name, "sha256": quantized.model.sha256},
        "recipe": quantized.recipe.name,
        "yaml": quantized.recipe.to_yaml(),
        "digest": quantized.digest,
        "accuracy": {
            "metric": diary.metric,
            "n": diary.judged,
            "float": diary.float_.metric,
            "ptq": diary.epochs[0].metric,
            "qat_torch": diary.best_epoch.metric,
            "qat_torch_ci95": diary.best_epoch.ci95,
            "qat_integer": integer,
        },
        "best": diary.best,
        "chosen_by": diary.chosen_by or "loss",
        "stopped_after": found.stopped_after or None,
        "trouble": trouble(diary),
        "epochs": [
            {
                "number": each.number,
                "loss": each.loss,
                "held_back": each.held_back,
                "metric": each.metric,
                "ci95": each.ci95,
            }
            for each in diary.epochs
        ],
        "went_on": diary.went_on,
        "seconds": seconds,
        "memory_bytes": diary.memory_bytes,
        "device": diary.device,
        "size": {"file_bytes": quantized.size.file_bytes, "weight_bytes": quantized.weight_bytes},
    }


def _by(diary: Diary) -> str:
    return ", by the loss" if diary.chosen_by is None else f", by {METRICS.get(diary.chosen_by).title}, then the loss"


def _print(found: TrainedModel, target: Path, seconds: float, integer: float | None) -> None:
    diary = found.diary
    stopped = f"; stopped after epoch {found.stopped_after} of {diary.of}" if found.stopped_after else ""
    went_on = f", going on after epoch {diary.went_on}" if diary.went_on else ""
    print_facts(
        {
            "written": target,
            "recipe": found.recipe.name,
            "won": won(diary),
            "kept": ("the untrained state" if diary.best == 0 else f"epoch {diary.best}") + _by(diary) + stopped,
            "took": f"{seconds:.0f} s{went_on}, {bytes_text(diary.memory_bytes)} of memory, {diary.device}",
            "weights": bytes_text(found.quantized.weight_bytes),
        }
    )
    said = integer_text(diary, integer)
    if said is not None:
        say(said)
    wrong = trouble(diary)
    if wrong is not None:
        warn(wrong)
