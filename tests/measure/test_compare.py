"""A whole comparison of a sample model: load, observe, quantize, run, measure."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qexplorer import api
from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError, Cancelled, DataError, ModelError, UnknownName
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.measure.compare import Comparison, Progress, compare
from qexplorer.measure.effort import EVALUATION_BATCH
from qexplorer.measure.run_one import measure
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import BACKENDS, reference

ROOT = Path(__file__).resolve().parents[2]
RECIPES = [Recipe.parse("w8a8"), Recipe.parse("w4a8")]


@pytest.fixture(scope="module")
def digits() -> Model:
    """The sample."""
    return load_model("digits_cnn")


@pytest.fixture(scope="module")
def data(digits: Model) -> DataSet:
    """Its data."""
    return fit_to_model(load_data("digits"), digits)


def test_numbers_that_are_measured_are_no_classes(digits: Model, data: DataSet) -> None:
    """For a regression no answer is said to have changed, whatever place its largest number has."""
    labels = np.random.default_rng(0).standard_normal((data.evaluation.n, 10))
    measured = replace(data, task="regression", evaluation=replace(data.evaluation, labels=labels))
    found = compare(digits, [Recipe.parse("w2a8")], measured)
    assert [run.status for run in found.runs] == [Status.OK, Status.OK]
    assert found.predictions == {}
    assert all(run.accuracy is not None and run.accuracy.flipped == () for run in found.runs)


def test_a_comparison_has_float_first_and_every_recipe_in_order(digits: Model, data: DataSet) -> None:
    """Float, w8a8, w4a8: all done, with files, YAML that parses back, and predictions that explain every flip."""
    told: list[Progress] = []
    found = compare(digits, RECIPES, data, progress=told.append)
    assert [run.recipe for run in found.runs] == ["float", "w8a8", "w4a8"]
    assert all(run.status is Status.OK for run in found.runs)
    plain = found.float_run("onnxruntime")
    assert plain is not None
    for run, recipe in zip(found.runs[1:], RECIPES, strict=True):
        assert Path(found.quantized[run.digest]).is_file()
        assert Recipe.parse(found.recipes[run.digest]).digest == recipe.digest
        assert run.accuracy is not None
        assert plain.accuracy is not None
        assert run.accuracy.delta == pytest.approx((run.accuracy.value or 0) - (plain.accuracy.value or 0))
        fixed = broken = 0
        for position in run.accuracy.flipped:
            said, before = found.prediction(run, position), found.prediction(plain, position)
            assert said != before
            fixed += said == found.label(position)
            broken += before == found.label(position)
        assert (fixed, broken) == (run.accuracy.fixed, run.accuracy.broken)
        assert run.fidelity is not None
        assert run.fidelity.max_lsb is not None
        assert run.fidelity.max_lsb <= 1
    assert found.prediction(plain, 10**9) is None
    assert found.data["n_judged"] == data.evaluation.n
    assert told[-1].done == 1.0
    assert told[-1].runs == found.runs
    assert Comparison.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert list(workspace("scratch").iterdir()) == []


def test_static_int8_of_the_sample_loses_at_most_half_a_point(digits: Model, data: DataSet) -> None:
    """w8a8 per channel on digits_cnn, all samples: measured alone, beside its float model."""
    q = quantize_model(digits, RECIPES[0], statistics_for(digits, data))
    run = measure(q, data)
    assert run.recipe == "w8a8"
    assert run.accuracy is not None
    assert run.accuracy.delta is not None
    assert run.accuracy.delta >= -0.005
    assert run.latency_ms is not None
    assert run.latency_ms.speedup is not None


def test_a_float_model_can_be_measured_alone(digits: Model, data: DataSet) -> None:
    """Its run has no difference and no speed-up, as there is nothing to compare with."""
    run = api.measure(digits, data, samples=50)
    assert run.recipe == "float"
    assert run.accuracy is not None
    assert (run.accuracy.n, run.accuracy.delta) == (50, None)


def test_a_recipe_that_fails_fails_alone(digits: Model, data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """One recipe raises on purpose, one by accident: both are failed runs with a reason, the third is complete."""
    from qexplorer.quantize import quantize as home

    def broken(model: Model, recipe: Recipe, statistics: object, *rest: object, **options: object) -> object:
        if recipe.name == "w8":
            raise ModelError("this layer has no weights", where="conv3")
        if recipe.name == "w4":
            raise KeyError("an accident")
        return quantize_model(model, recipe, statistics, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(home, "quantize_model", broken)
    found = compare(digits, [Recipe.parse(name) for name in ("w8", "w4", "w6")], data, samples=40)
    _, on_purpose, accident, fine = found.runs
    assert (on_purpose.status, on_purpose.reason) == (Status.FAILED, "conv3: this layer has no weights")
    assert accident.status is Status.FAILED
    assert "a fault of this program that nobody foresaw (KeyError)" in (accident.reason or "")
    assert fine.status is Status.OK
    assert set(found.quantized) == {fine.digest}
    assert len(found.recipes) == 3


def test_what_cannot_be_compared_is_refused_at_once(digits: Model, data: DataSet) -> None:
    """An unknown backend, one that is not usable here, and no samples: one sentence each."""
    with pytest.raises(UnknownName):
        compare(digits, RECIPES, data, backends=["onnxruntim"])
    missing = next(backend.name for backend in BACKENDS if not backend.availability().available)
    with pytest.raises(BackendError, match=f"^{missing}: "):
        compare(digits, RECIPES, data, backends=[missing])
    with pytest.raises(DataError, match="no sample"):
        compare(digits, RECIPES, data, samples=0)


def test_repetitions_and_float_among_the_recipes_change_nothing(digits: Model, data: DataSet) -> None:
    """The float model is there once, and a recipe that asks for the same under another name is run once."""
    same = RECIPES[0].model_copy(update={"name": "mine"})
    found = compare(digits, [Recipe.parse("float"), RECIPES[0], same, RECIPES[0]], data, samples=20)
    assert [run.recipe for run in found.runs] == ["float", "w8a8"]


def test_two_recipes_of_one_name_are_two_runs(digits: Model, data: DataSet) -> None:
    """Both are measured, under names that tell them apart; a short name is kept by what it stands for."""
    own = [Recipe.parse(f"name: mine\nweights: {{format: int{bits}}}\n") for bits in (8, 4)]
    other = Recipe.parse("w4a8").model_copy(update={"name": "w8a8"})
    found = compare(digits, [*own, other, Recipe.parse("w8a8")], data, samples=20)
    assert [run.recipe for run in found.runs] == ["float", "mine", "mine (2)", "w4a8", "w8a8"]
    asked = [Recipe.parse(found.recipes[run.digest]).digest for run in found.runs[1:]]
    assert asked == [each.digest for each in (*own, other, Recipe.parse("w8a8"))]


def test_cancelling_while_observing_stops_it(digits: Model, data: DataSet) -> None:
    """Cancelled is raised at the first report that comes after it, and what a child that was ended left in the scratch
    folder is gone with the next that is made there."""
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        compare(digits, RECIPES, data, cancelled=lambda: next(asked, True))
    with passing_folder("next") as made:
        assert list(workspace("scratch").iterdir()) == [Path(made)]


def test_comparing_imports_neither_torch_nor_streamlit(tmp_path: Path) -> None:
    """A process that loads a sample and compares a recipe has neither of the two slow packages loaded at the end."""
    code = (
        "import sys, qexplorer as qx\n"
        "table = qx.compare('digits_cnn', ['w8a8'], samples=20)\n"
        "assert [r.status.value for r in table.runs] == ['ok', 'ok'], table.runs\n"
        "print([name for name in ('torch', 'streamlit', 'sklearn') if name in sys.modules])"
    )
    environment = {"QEXPLORER_WORKSPACE": str(tmp_path), "PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_what_depends_on_the_batch_is_judged_at_the_batch_that_is_timed(digits: Model, data: DataSet) -> None:
    """Ranges found in every call span the batch: answers are those of single samples, and the batch is said."""
    runs = {run.recipe: run for run in compare(digits, [Recipe.parse("w4a8-dynamic"), Recipe.parse("w8")], data).runs}
    dynamic, static = runs["w4a8-dynamic"], runs["w8"]
    assert dynamic.accuracy is not None
    assert dynamic.latency_ms is not None
    assert static.accuracy is not None
    assert (dynamic.accuracy.batch, static.accuracy.batch) == (dynamic.latency_ms.batch, EVALUATION_BATCH)
    assert any("judged at batch 1, at which latency is timed" in note for note in dynamic.notes)
    assert not any("judged at batch" in note for note in static.notes)
    session = reference().load(api.quantize(digits, "w4a8-dynamic").path, SessionOptions())
    ((name, images),) = data.evaluation.inputs.items()
    alone = np.concatenate([session.run({name: image[None]})[0] for image in images])
    together = np.concatenate([session.run({name: images[i : i + 32]})[0] for i in range(0, len(images), 32)])
    assert np.abs(alone - together).max() > 1e-3
    assert dynamic.accuracy.value == np.mean(alone.argmax(1) == data.evaluation.labels)
