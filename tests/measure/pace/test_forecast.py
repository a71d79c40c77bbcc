"""How long a comparison is said to take."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.effort import PLANS, UNTRAINED_SAMPLES, Effort
from qexplorer.measure.kept import write_kept
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
    assert added == pytest.approx(PLANS[Effort.QUICK].loads * module._LOADING_S)


def test_an_untrained_model_is_judged_on_few_samples(cnn: Model) -> None:
    """There is no accuracy to find: more samples take no longer."""
    asked = (replace(cnn, untrained=True), [Recipe.parse("w8")], ["onnxruntime"], Effort.QUICK)
    few, many = (expected_seconds(*asked, calibration=100, evaluation=n) for n in (UNTRAINED_SAMPLES, 100_000))
    assert few == many


HUNDREDTH = round(module._MACS_PER_S / 100)
"""Products of a model that answers a sample in a hundredth of a second."""


@pytest.mark.parametrize(
    ("macs", "call_s"),
    [(HUNDREDTH, 0.01), (None, module._UNKNOWN_CALL_S), (0, module._LEAST_CALL_S), (15, module._LEAST_CALL_S)],
)
def test_judging_answers_every_sample_twice_and_some_once_more(cnn: Model, macs: int | None, call_s: float) -> None:
    """Behind a child's start, all by the backend and by the simulation, and those that are checked at other batches."""
    forecast = Forecast.of(replace(cnn, macs=macs), 100, Effort.QUICK)
    answers = 2 * (100 + module._CHECKED)
    assert forecast.judging("onnxruntime", FLOAT) == pytest.approx(module._START_S + answers * call_s)


@pytest.mark.parametrize(
    ("each_shape", "fixed", "more"), [(True, None, 45.0), (False, None, 15.0), (True, 4, 15.0), (False, 4, 15.0)]
)
def test_a_file_is_prepared_for_each_batch_size_or_once(
    cnn: Model, monkeypatch: pytest.MonkeyPatch, *, each_shape: bool, fixed: int | None, more: float
) -> None:
    """A batch that the file insists on is the only one."""
    forecast = Forecast.of(replace(cnn, macs=HUNDREDTH), 100, Effort.QUICK)
    plain = forecast.judging("onnxruntime", FLOAT)
    slow = replace(OnnxRuntimeCpu.capabilities, prepares=Preparation("It works", (10, 20), each_shape=each_shape))
    monkeypatch.setattr(OnnxRuntimeCpu, "capabilities", slow)
    monkeypatch.setattr(Model, "fixed_batch", fixed)
    assert forecast.judging("onnxruntime", FLOAT) == pytest.approx(plain + more)


PLAN = PLANS[Effort.STANDARD]


@pytest.mark.parametrize(
    ("calls", "taken"),
    [(0.5, 1.0), ((1 + PLAN.patience) / 2, (1 + PLAN.patience) / 2), (2 * PLAN.patience, PLAN.patience)],
)
def test_timing_takes_its_budget_or_what_the_calls_take_within_patience(cnn: Model, calls: float, taken: float) -> None:
    """In budgets; with two variants, each loaded anew, behind a start and beside throughput."""
    call_s = calls * PLAN.budget_s / (2 * PLAN.min_calls * 2)
    forecast = Forecast.of(replace(cnn, macs=round(call_s * module._MACS_PER_S)), 100, Effort.STANDARD)
    around = module._START_S + PLAN.throughput_s + 2 * PLAN.loads * module._LOADING_S
    assert forecast.timing("onnxruntime", 2) == pytest.approx(around + taken * PLAN.budget_s)


def test_preparing_is_what_is_left_of_observing_and_a_file_for_each_recipe(cnn: Model) -> None:
    """Algorithms that need samples take their time each; what observing took the last time is what it takes."""
    forecast = Forecast.of(replace(cnn, macs=HUNDREDTH), 100, Effort.QUICK)
    recipes: Any = [SimpleNamespace(algorithms=("a", "b"), needs_samples=needs) for needs in (True, False)]
    assert forecast.quantizing(recipes) == pytest.approx(2 * module._QUANTIZE_S + 2 * module._ALGORITHM_S)
    assert forecast.quantizing([]) == module._QUANTIZE_S
    expected = 0.75 * forecast.observing(100) + forecast.quantizing(recipes)
    assert forecast.preparing(recipes, 100, 0.25) == pytest.approx(expected)
    forecast.note("observe 100", 7.0)
    assert forecast.preparing([], 100, 0.5) == pytest.approx(3.5 + module._QUANTIZE_S)


def test_the_promise_is_the_sum_of_its_steps(cnn: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Observing only where a recipe needs statistics; as many samples as are asked for, and no more than there are."""
    monkeypatch.setattr(module, "workers", lambda: 2)
    model = replace(cnn, macs=HUNDREDTH)
    recipes = [Recipe.parse(name) for name in ("float", "w8", "w8a8")]

    def promised(recipes: list[Recipe], samples: int | None) -> float:
        return expected_seconds(
            model, recipes, ["onnxruntime"], Effort.QUICK, calibration=100, evaluation=100, samples=samples
        )

    def summed(made: list[Recipe], n: int, *, observed: bool) -> float:
        """Of files that are ``made`` and judged beside float's, two at a time, and then timed."""
        forecast, files = Forecast.of(model, n, Effort.QUICK), 1 + len(made)
        before = forecast.quantizing(made) + (forecast.observing(100) if observed else 0)
        judged = files * forecast.judging("onnxruntime", FLOAT) / 2
        return before + judged + forecast.timing("onnxruntime", files)

    assert promised(recipes, None) == pytest.approx(summed(recipes[1:], 100, observed=True))
    assert promised(recipes, 500) == promised(recipes, None)
    assert promised(recipes, 50) == pytest.approx(summed(recipes[1:], 50, observed=True))
    assert promised(recipes[:2], None) == pytest.approx(summed(recipes[1:2], 100, observed=False))


def test_what_others_noted_stays_and_what_is_no_time_is_not_read(cnn: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be written is the next forecast's loss alone."""
    model = replace(cnn, sha256="5" * 64)
    write_kept(module._path(model), {"observe 3": 9.0, "observe 4": "long"})
    first = Forecast.of(model, 100, Effort.QUICK)
    assert (first.observing(3), first.took) == (9.0, {"observe 3": 9.0})
    other = Forecast.of(model, 100, Effort.QUICK)
    first.note("a", 1.2345)
    other.note("b", -1.0)
    first.keep()
    other.keep()
    assert Forecast.of(model, 100, Effort.QUICK).took == {"observe 3": 9.0, "a": 1.23, "b": 0.0}

    def full(*_: object) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(module, "write_kept", full)
    first.keep()


@pytest.mark.parametrize(("count", "children"), [(3, 3), (None, 1)])
def test_where_the_system_says_nothing_of_this_process_all_processors_count(
    count: int | None, children: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One, where it does not say how many there are."""
    monkeypatch.delattr(module.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(module.os, "cpu_count", lambda: count)
    assert module.workers() == children
