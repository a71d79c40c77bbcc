"""What a finished comparison answers, and what a run is put together from: made up by hand, nothing runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Energy, Latency, Run, Size, Status, Throughput
from qexplorer.measure import variant as variants
from qexplorer.measure.assemble import make_run
from qexplorer.measure.compare import _bytes_written, summarise_data, summarise_model
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.effort import BATCHES, EVALUATION_BATCH, UNTRAINED_SAMPLES
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.judging import Judged, _fidelity
from qexplorer.measure.metrics.results import Scored
from qexplorer.measure.timing.latency import Timed
from qexplorer.measure.variant import Variant, float_variant, quantized_variant, subject_of
from qexplorer.process.limits import BASE
from tests.measure.models import data_set, make_cnn

RUNS = tuple(
    Run(recipe, digest, backend, Status.OK)
    for backend in ("onnxruntime", "torch")
    for recipe, digest in (("float", "f"), ("w8a8", "q"), ("mine", "m"))
)
RECIPES = {"q": Recipe.parse("w8a8"), "m": Recipe.parse("name: mine\nweights: {format: int5}\n")}
FOUND = Comparison(
    id="an id",
    created="2026-01-02",
    model={},
    data={},
    machine={"cpu": "A CPU"},
    runs=RUNS,
    recipes={digest: recipe.to_yaml() for digest, recipe in RECIPES.items()},
    positions=(3, 7, 9),
    labels=(1, 0, 2),
    predictions={"onnxruntime/q": (1, 1, 2), "torch/q": (0, 0, 0)},
)


def test_a_run_is_found_by_its_digest_and_backend() -> None:
    """Never by a name; a backend that was not asked has none."""
    assert FOUND.run_of("q", "torch") is RUNS[4]
    assert FOUND.run_of("q", "openvino") is None
    assert FOUND.float_run("torch") is RUNS[3]
    assert FOUND.float_run("openvino") is None


def test_answers_are_found_by_their_place_in_the_split() -> None:
    """Of the run asked for; what was not judged, or names no class, has none."""
    ours, theirs = RUNS[1], RUNS[4]
    assert [FOUND.prediction(ours, place) for place in (3, 7, 9, 0)] == [1, 1, 2, None]
    assert [FOUND.prediction(theirs, place) for place in (3, 7)] == [0, 0]
    assert FOUND.prediction(RUNS[2], 3) is None
    assert [FOUND.label(place) for place in (3, 7, 9, 1)] == [1, 0, 2, None]
    assert replace(FOUND, labels=None).label(3) is None


def test_runs_are_called_by_today_s_names_of_their_recipes() -> None:
    """On every backend, in the kept recipe too; a name for something else changes nothing, and a new one what is
    drawn."""
    called = FOUND.called({RECIPES["m"].digest: "theirs", "another digest": "nobody's"})
    assert [run.recipe for run in called.runs] == ["float", "w8a8", "theirs"] * 2
    assert Recipe.parse(called.recipes["m"]).name == "theirs"
    assert Recipe.parse(called.recipes["m"]).digest == RECIPES["m"].digest
    assert called.recipes["q"] == FOUND.recipes["q"]
    assert FOUND.called({}) is FOUND
    assert FOUND.called({RECIPES["m"].digest: "mine"}) is FOUND
    assert len({FOUND.look, called.look, replace(FOUND, id="other").look}) == 3
    assert called.look.startswith("an id_")


def test_the_machine_is_named_where_it_is_one_of_a_cluster() -> None:
    """Else by its processor alone."""
    assert FOUND.machine_text == "A CPU"
    assert replace(FOUND, machine={"cpu": "A CPU", "name": "lab-1"}).machine_text == "A CPU of lab-1"
    assert replace(FOUND, machine={}).machine_text == "unknown machine"


def difference(batch: int, n: int, same: int | None, steps: float | None, **more: Any) -> Difference:
    """At one batch size."""
    return Difference(batch, n, same, steps, None, **{"exact": False, **more})


def test_fidelity_is_that_of_all_batch_sizes_together() -> None:
    """Classes by samples, steps at their worst, outputs within one step of all on a grid."""
    found = _fidelity(
        [
            difference(32, 100, 90, 1.0, elements=400, within_one=400),
            difference(1, 20, 20, 3.0, elements=100, within_one=50),
            difference(8, 16, None, None, exact=True),
        ],
        None,
        "exact integers",
    )
    assert (found.argmax_agreement, found.max_lsb, found.exact, found.n) == (110 / 120, 3.0, False, 136)
    assert (found.within_one_step, found.against, found.cost, found.reason) == (0.9, "exact integers", None, None)
    assert found.samples_by_batch == {32: 100, 1: 20, 8: 16}


def test_what_fidelity_lacks_is_said() -> None:
    """Classes, steps, and a reference beside itself; a gap that may be shown is told with what it costs."""
    plain = [difference(8, 16, None, None, exact=True)]
    found = _fidelity(plain, None)
    assert (found.argmax_agreement, found.max_lsb, found.within_one_step, found.exact) == (None, None, None, True)
    assert found.reason == (
        "the task names no class for each sample; "
        "no output ends on a grid of even steps, so there are no steps to count"
    )
    nothing = _fidelity([], None)
    assert (nothing.n, nothing.exact, nothing.reason) == (
        0,
        None,
        "a float model on the reference backend is its own simulation",
    )
    gap, right = [difference(8, 16, 15, 2.0, elements=9, within_one=9)], Alone(1.0, "a", 3, 8, conclusive=True)
    assert _fidelity(gap, right).cost == "1 of 16 samples gets another class than in the simulation"
    assert (_fidelity(gap, right).reason or "").startswith("single steps add up")
    assert _fidelity(gap, replace(right, worst_steps=2.0)).reason is None


LATENCY = Latency(2.0, None, None, (1.9, 2.1), 60, 1, 1, True)
RATES = {1: Throughput(500.0, (490.0, 510.0), 60), 8: Throughput(900.0, (800.0, 950.0), 60)}
TIMED = Timed(LATENCY, RATES, Energy(3.0, None, "estimated"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small CNN."""
    return make_cnn(tmp_path_factory.mktemp("cnn"))


def run_of(model: Model, judged: Judged, timed: Timed | None, **more: Any) -> Run:
    """The float model's run."""
    subject = subject_of(model, data_set(4), None)
    variant = replace(float_variant(model), size=Size(1000, 900), **more)
    return make_run(variant, "onnxruntime", subject, judged, None, timed)


RIGHT = Judged(scored=Scored({"accuracy": np.array([[1.0], [0.0], [1.0], [1.0]])}))


def test_a_run_has_what_was_judged_and_what_was_timed(model: Model) -> None:
    """Accuracy at the batch it was judged at, latency, the best rate of all batches; until it is timed it says so."""
    run = run_of(model, RIGHT, TIMED)
    assert run.accuracy is not None
    assert (run.status, run.accuracy.value, run.accuracy.batch) == (Status.OK, 0.75, EVALUATION_BATCH)
    assert (run.latency_ms, run.throughput_by_batch, run.throughput_per_s) == (LATENCY, RATES, 900.0)
    assert (run.energy_mj, run.size) == (TIMED.energy, Size(1000, 900))
    waiting = run_of(model, RIGHT, None)
    assert waiting.latency_ms is not None
    assert waiting.energy_mj is not None
    assert (waiting.latency_ms.reason, waiting.energy_mj.reason) == ("not timed yet", "not timed yet")
    assert (waiting.latency_ms.p50, waiting.latency_ms.valid, waiting.throughput_per_s) == (None, False, None)


def test_a_run_that_may_not_be_shown_has_no_number(model: Model) -> None:
    """What failed keeps its size and says why, what was refused its fidelity; a crash while timed costs all."""
    gone = run_of(model, Judged(failed="it crashed"), TIMED)
    assert (gone.status, gone.reason, gone.size, gone.accuracy) == (Status.FAILED, "it crashed", Size(1000, 900), None)
    refused = run_of(model, replace(RIGHT, refused="it is wrong", fidelity=_fidelity([], None)), TIMED)
    assert (refused.status, refused.reason) == (Status.REFUSED, "it is wrong")
    assert refused.fidelity is not None
    assert (refused.accuracy, refused.latency_ms, refused.energy_mj, refused.throughput_per_s) == (None,) * 4
    dead = run_of(model, RIGHT, replace(TIMED, failed="it died"))
    assert (dead.status, dead.reason, dead.latency_ms) == (Status.FAILED, "timing it failed: it died", None)


def test_an_untrained_model_has_no_accuracy_by_any_metric(model: Model) -> None:
    """The first one says why, and no other is told."""
    subject = replace(subject_of(model, data_set(4), None), model=replace(model, untrained=True))
    assert len(subject.metrics) > 1
    run = make_run(float_variant(model), "onnxruntime", subject, RIGHT, None, TIMED)
    assert run.accuracy is not None
    assert (run.accuracy.value, run.metrics, run.latency_ms) == (None, (), LATENCY)
    assert "untrained" in (run.accuracy.reason or "")


@pytest.mark.parametrize(
    ("judged", "timed", "notes"),
    [
        (None, "lab-1", ()),
        ("lab-1", "lab-1", ("measured on lab-1",)),
        ("lab-1", "lab-2", ("answers, kernels and memory were found on lab-1, times on lab-2",)),
        ("lab-1", "", ("answers, kernels and memory were found on lab-1, times on this machine",)),
    ],
)
def test_machines_of_a_cluster_are_told(model: Model, judged: str | None, timed: str, notes: tuple[str, ...]) -> None:
    """One where all was done on one; until there are times, the one that judged."""
    run = run_of(model, replace(RIGHT, where=judged), replace(TIMED, where=timed or None))
    assert run.notes == notes
    waiting = run_of(model, replace(RIGHT, where=judged), None)
    assert waiting.notes == (() if judged is None else (f"measured on {judged}",))


def test_what_finds_ranges_in_every_call_is_judged_at_the_batch_that_is_timed(model: Model) -> None:
    """It says so, and its accuracy has that batch."""
    run = run_of(model, RIGHT, TIMED, dynamic=True)
    assert run.accuracy is not None
    assert run.accuracy.batch == BATCHES[0] == 1
    assert run.notes[0].endswith("it was judged at batch 1, at which latency is timed")


def test_a_subject_has_the_samples_and_batches_of_its_model(tmp_path: Any, model: Model) -> None:
    """An untrained model few samples; a file that insists on a batch that one alone, for accuracy too."""
    assert subject_of(model, data_set(100), None).n == 100
    assert subject_of(replace(model, untrained=True), data_set(100), None).n == UNTRAINED_SAMPLES
    free = subject_of(model, data_set(4), None)
    assert (free.batches, free.evaluation_batch, free.threshold) == (BATCHES, EVALUATION_BATCH, 0.0)
    fixed = subject_of(make_cnn(tmp_path, batch=2), data_set(4), None)
    assert (fixed.batches, fixed.evaluation_batch) == ((2,), 2)


def test_errors_name_the_recipe_where_they_named_its_file(model: Model) -> None:
    """Other places stay as they were said."""
    variant: Variant = replace(float_variant(model), recipe="w8a8", is_float=False)
    here, there = (BackendError("no kernel", where=where) for where in (variant.path.name, "conv1"))
    assert variant.told(here) == "w8a8: no kernel"
    assert variant.told(there) == "conv1: no kernel"
    whole = Size(model.file_bytes, model.weight_bytes)
    assert float_variant(model) == Variant("float", model.sha256[:16], model.path, whole, {}, True)
    assert float_variant(model).told(here) == "the float model: no kernel"


def test_a_reader_is_told_what_was_compared_on(model: Model) -> None:
    """How many samples calibrate and judge, of how many; of the model all but its layers; and the bytes that a
    comparison writes: samples, answers as large, a file for each recipe."""
    data = data_set(40)
    subject = subject_of(model, data, 10)
    found = summarise_data(data, subject)
    assert (found["n_calibration"], found["n_calibration_available"]) == (16, 16)
    assert (found["n_evaluation"], found["n_judged"], found["task"], found["labelled"]) == (
        40,
        10,
        "classification",
        True,
    )
    assert (found["name"], found["digest"], found["classes"]) == ("noise", "0" * 64, list("abcde"))
    assert "layers" not in summarise_model(model)
    assert summarise_model(model)["sha256"] == model.sha256
    assert _bytes_written(model, subject, 3) == 2 * 10 * 3 * 8 * 8 * 4 + 3 * model.file_bytes


@pytest.mark.parametrize(("treatments", "dynamic"), [([], False), (["float", "static"], False), (["dynamic"], True)])
def test_a_quantized_model_is_a_variant_of_its_recipe_s_name(treatments: list[str], *, dynamic: bool) -> None:
    """Unless it is called otherwise; it depends on the batch where any layer finds its ranges in every call."""
    q: Any = SimpleNamespace(
        plan=SimpleNamespace(layers=[SimpleNamespace(treatment=each) for each in (*treatments, "float")]),
        recipe=SimpleNamespace(name="mine"),
        digest="d",
        path=Path("a.onnx"),
        size=Size(9, 4),
        output_scales={"y": 0.5},
    )
    found = Variant("mine", "d", Path("a.onnx"), Size(9, 4), {"y": 0.5}, False, dynamic)
    assert quantized_variant(q) == found
    assert quantized_variant(q, "today") == replace(found, recipe="today")


@pytest.mark.parametrize(("timed", "evaluated", "most"), [((1, 8, 32), 32, 32), ((64, 1), 32, 64), ((2,), 2, 2)])
def test_limits_are_those_of_the_largest_batch(
    model: Model, monkeypatch: pytest.MonkeyPatch, timed: tuple[int, ...], evaluated: int, most: int
) -> None:
    """Of all that are timed and of evaluation, over all samples."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(variants, "allowance", lambda _, **given: (asked.append(given), given["base"])[1])
    subject = replace(subject_of(model, data_set(24), None), batches=timed, evaluation_batch=evaluated)
    assert subject.allowed() is BASE
    assert asked == [{"batch": most, "samples": 24, "base": BASE}]
