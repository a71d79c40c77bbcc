"""How long a comparison is said to take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.effort import PLANS, UNTRAINED_SAMPLES, Effort
from qexplorer.measure.pace import forecast as module
from qexplorer.measure.pace.forecast import FLOAT, Forecast, expected_seconds
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Preparation


def _seconds(model: Model, recipes: list[str], backends: list[str], effort: Effort = Effort.QUICK) -> float:
    asked = [Recipe.parse(recipe) for recipe in recipes]
    return expected_seconds(model, asked, backends, effort, calibration=100, evaluation=100)


def test_every_recipe_backend_and_effort_adds_to_the_promise(cnn: Model) -> None:
    """More of anything takes longer; the same recipe twice does not."""
    one = _seconds(cnn, ["w8a8"], ["onnxruntime"])
    assert _seconds(cnn, ["w8a8", "w4a8"], ["onnxruntime"]) > one
    assert _seconds(cnn, ["w8a8"], ["onnxruntime", "torch"]) > 1.5 * one
    assert _seconds(cnn, ["w8a8"], ["onnxruntime"], Effort.STANDARD) > one + 20
    assert _seconds(replace(cnn, macs=2_000_000_000), ["w8a8"], ["onnxruntime"]) > 2 * one
    assert _seconds(cnn, ["w8", "w8"], ["onnxruntime"]) == _seconds(cnn, ["w8"], ["onnxruntime"])


def test_a_backend_that_compiles_is_promised_with_its_compilations(cnn: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """10 to 20 s for each of three batch sizes are 45 s for each file."""
    forecast = Forecast.of(cnn, 100, Effort.QUICK)
    plain = forecast.judging("onnxruntime", FLOAT)
    slow = replace(OnnxRuntimeCpu.capabilities, prepares=Preparation("It compiles", (10, 20), each_shape=True))
    monkeypatch.setattr(OnnxRuntimeCpu, "capabilities", slow)
    assert forecast.judging("onnxruntime", FLOAT) == plain + 45


def test_what_a_step_took_is_what_it_is_said_to_take_the_next_time(cnn: Model) -> None:
    """Kept on disk for the model; another model, recipe, effort or number of samples has its own."""
    first = Forecast.of(cnn, 100, Effort.QUICK)
    first.note(first.judge_step("onnxruntime", "abc"), 77.0)
    first.note(first.time_step("onnxruntime", 2), 55.0)
    first.keep()
    later = Forecast.of(cnn, 100, Effort.QUICK)
    assert (later.judging("onnxruntime", "abc"), later.timing("onnxruntime", 2)) == (77.0, 55.0)
    assert later.judging("onnxruntime", FLOAT) != 77.0
    assert Forecast.of(cnn, 20, Effort.QUICK).judging("onnxruntime", "abc") != 77.0
    assert Forecast.of(cnn, 100, Effort.STANDARD).timing("onnxruntime", 2) != 55.0
    assert Forecast.of(replace(cnn, sha256="0" * 64), 100, Effort.QUICK).judging("onnxruntime", "abc") != 77.0


def test_files_are_judged_side_by_side_and_timed_one_after_another(cnn: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four children judge in a quarter of the time; timing and preparation do not become shorter."""
    alone, among = (_with_workers(cnn, monkeypatch, n) for n in (1, 4))
    forecast = Forecast.of(cnn, 100, Effort.QUICK)
    judged = sum(forecast.judging(backend, key) for backend in ("onnxruntime", "torch") for key in (FLOAT, "w8"))
    assert alone - among == pytest.approx(0.75 * judged)


def _with_workers(model: Model, monkeypatch: pytest.MonkeyPatch, count: int) -> float:
    monkeypatch.setattr(module, "workers", lambda: count)
    return _seconds(model, ["w8"], ["onnxruntime", "torch"])


@pytest.mark.parametrize(("processors", "children"), [(1, 1), (2, 2), (64, 4)])
def test_children_are_as_many_as_processors_but_at_most_four(
    processors: int, children: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that this process may use."""
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    assert module.workers() == children


def test_no_more_statistics_than_are_collected_are_waited_for(cnn: Model) -> None:
    """512 samples calibrate, however many there are."""
    forecast = Forecast.of(cnn, 100, Effort.QUICK)
    assert forecast.observing(100) < forecast.observing(512) == forecast.observing(60_000)


def test_each_variant_that_is_timed_is_loaded_as_often_as_the_effort_says(cnn: Model) -> None:
    """Where calls are short the loadings are what more variants add."""
    forecast = Forecast.of(replace(cnn, macs=0), 100, Effort.QUICK)
    added = forecast.timing("onnxruntime", 3) - forecast.timing("onnxruntime", 2)
    assert added >= PLANS[Effort.QUICK].loads * module._LOADING_S


def test_an_untrained_model_is_judged_on_few_samples(cnn: Model) -> None:
    """There is no accuracy to find: more samples take no longer."""
    asked = (replace(cnn, untrained=True), [Recipe.parse("w8")], ["onnxruntime"], Effort.QUICK)
    few, many = (expected_seconds(*asked, calibration=100, evaluation=n) for n in (UNTRAINED_SAMPLES, 100_000))
    assert few == many
