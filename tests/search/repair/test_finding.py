"""Injected faults are found by layer and kind, and at least nine tenths of what they cost is won back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from benchmarks.broken_models import with_split_input
from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import DataError, RecipeError
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.arithmetic.saturation import saturates_here
from qexplorer.measure.arithmetic.saturation_types import LayerArithmetic
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.report.repair_charts.evidence import evidence_spec
from qexplorer.report.repair_charts.repair_words import diagnosis_cells, diagnosis_header, repair_sentence, step_cells
from qexplorer.report.repair_charts.steps import repair_rows
from qexplorer.search.repair.diagnosing import channels_apart, codes_taken
from qexplorer.search.repair.finding import find_repair
from qexplorer.search.repair.repair_types import Diagnosis, EvidenceBars, Fault, RepairReport
from qexplorer.search.repair.sums import SumsFound, diagnose_sums
from qexplorer.search.repair.worth import WORTH
from qexplorer.search.sensitivity.sensitivity_types import Evaluated
from tests.search.repair.broken import with_outlier_channel, with_saturating_pair, with_sink

Case = Callable[[Path], tuple[Model, DataSet, str, set[str], set[Fault]]]


def _fewer(data: DataSet) -> DataSet:
    """A part of the samples: faults are as plain on them."""
    rows = np.arange(160)
    return replace(data, calibration=data.calibration.take(rows), evaluation=data.evaluation.take(rows), digest="few")


def _unequal(folder: Path) -> tuple[Model, DataSet, str, set[str], set[Fault]]:
    path, layer, _ = with_outlier_channel(folder, channel=3)
    model = load(path)
    return model, _fewer(fitted(model, qx.data("fashion"), "")), "w8a8-tensor", {layer}, {Fault.DEPTHWISE}


def _outlier(folder: Path) -> tuple[Model, DataSet, str, set[str], set[Fault]]:
    path, layer, reader = with_outlier_channel(folder, channel=1)
    model = load(path)
    data = _fewer(fitted(model, qx.data("fashion"), ""))
    return model, data, "w8a8", {layer, reader, "block.1.depthwise.relu"}, {Fault.OUTLIER}


def _concat(folder: Path) -> tuple[Model, DataSet, str, set[str], set[Fault]]:
    path, join = with_split_input("fashion_dscnn", "classifier", folder), "join"
    model = load(path)
    data = _fewer(fitted(model, qx.data("fashion"), ""))
    return model, data, "w8a8", {join}, {Fault.MISMATCHED}


def _one_class(folder: Path) -> tuple[Model, DataSet, str, set[str], set[Fault]]:  # noqa: ARG001 - nothing is written
    model = load("fashion_dscnn")
    data = fitted(model, qx.data("fashion"), "")
    assert data.calibration.labels is not None
    dim = data.calibration.take(np.flatnonzero(data.calibration.labels == 5)[:40])
    (name,) = dim.inputs
    dim = replace(dim, inputs={name: (0.1 * dim.inputs[name] - 0.73).astype(np.float32)})  # black stays black
    return model, replace(_fewer(data), calibration=dim, digest="dim"), "w8a8", {""}, {Fault.ONE_CLASS, Fault.UNLIKE}


def _dead(folder: Path) -> tuple[Model, DataSet, str, set[str], set[Fault]]:
    path, layers = with_sink(folder)
    model = load(path)
    return model, _fewer(fitted(model, qx.data("fashion"), "")), "w8a8", layers, {Fault.DEAD}


@pytest.mark.parametrize("case", [_unequal, _outlier, _concat, _one_class, _dead])
def test_an_injected_fault_is_found_and_mended(
    case: Case,
    tmp_path: Path,
    shared_workspace: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first diagnosis is the injected one, the metric is back, and what was kept is said with its gain."""
    if case is not _concat:  # one is done by a child, as a stranger's model is; it imports what computes anew
        for module in ("repair", "sensitivity"):
            monkeypatch.setattr(f"qexplorer.search.{module}.finding.goes_apart", lambda _: False)
    model, data, recipe, layers, faults = case(tmp_path)
    report = find_repair(model, data, Recipe.parse(recipe))
    first = report.diagnoses[0]
    assert first.layer in layers
    assert first.fault in faults
    assert first.sentence
    assert first.fault is Fault.ONE_CLASS or evidence_spec(first)["datasets"]["bars"]
    assert report.won_back >= 0.9
    assert report.before.metric_drop is not None
    assert report.after.metric_drop is not None
    assert report.before.metric_drop - report.after.metric_drop >= 0.9 * report.before.metric_drop
    assert any(step.kept for step in report.steps)
    _words(report)


def test_sums_that_saturate_are_found_and_made_to_fit(tmp_path: Path, shared_workspace: Path) -> None:  # noqa: ARG001
    """Two weights and two codes at their ends: exact sums are right, those in 16 bits are not until weights have 7."""
    path, layer = with_saturating_pair(tmp_path)
    model = load(path)
    report = find_repair(model, fitted(model, qx.data("tumour"), ""), Recipe.parse("w8a8"))
    first = report.diagnoses[0]
    assert (first.layer, first.fault) == (layer, Fault.SATURATED)
    assert "VNNI" in first.sentence
    assert any("VNNI" in note for note in report.notes) == (saturates_here() is False)
    assert evidence_spec(first)["datasets"]["bars"]
    assert [(step.layer, step.kept) for step in report.steps] == [(layer, True)]
    assert report.saturating_before is not None
    assert report.saturating_after is not None
    assert report.saturating_after <= 0.1 * report.saturating_before
    assert report.after.loss < 0.002
    rule = Recipe.parse(report.repaired).for_layer(layer, "Gemm")
    assert rule.weights is not None
    assert rule.weights.format == "int7"
    assert "16 bits" in repair_sentence(report)


@pytest.mark.parametrize(("here", "said"), [(True, "this one among them"), (False, "exactly on this one"), (None, "")])
def test_sums_that_saturate_elsewhere_alone_are_said_to(
    here: bool | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evidence says whether the processor at hand cuts sums off, where that is known."""
    monkeypatch.setattr("qexplorer.search.repair.sums.saturates_here", lambda: here)
    cut = LayerArithmetic("cut", "Gemm", 9, 0.0, None, 0.5, 0, 2**20, 21, 2**20, 21, None, None)
    exact, saturating = (Evaluated(loss, None, 1, None, 0.0, None) for loss in (0.0, 1.0))
    (found,) = diagnose_sums(SumsFound((cut,), exact, saturating))
    assert found.sentence.endswith(said or "without VNNI")


def test_sums_beyond_32_bits_are_said_of_every_backend() -> None:
    """An accumulator that samples bring to 33 bits is a fault, whatever two products do; one with 32 is none."""
    fits = LayerArithmetic("fits", "Gemm", 9, 0.0, None, 0.0, 0, 2**31 - 1, 32, 2**31 - 1, 32, None, None)
    wide = replace(fits, name="wide", accumulator_bits=33, data_largest=2**31, data_bits=33)
    same = Evaluated(0.0, None, 1, None, 0.0, None)
    (found,) = diagnose_sums(SumsFound((fits, wide), same, same))
    assert (found.layer, found.fault) == ("wide", Fault.SATURATED)
    assert "33 bits" in found.sentence


def test_codes_that_are_taken_are_counted() -> None:
    """Of 16 levels, values at four places take four codes, and a stretch takes those that it covers."""
    grid = Grid(get_format("uint4"), np.array(1.0, np.float32), np.array(0, np.int32), None, None, 0, 15)
    assert codes_taken(histogram_of(np.array([0.0, 1.0, 8.0, 15.0], np.float32)), grid) == 4
    assert codes_taken(histogram_of(np.linspace(3.6, 7.4, 500, dtype=np.float32)), grid) == 4


def test_counts_stand_on_powers_of_ten() -> None:
    """The axis of a histogram names 0, and each power of ten up to the highest bar."""
    shown = EvidenceBars("Values of x", "x", "values", (0.0, 12500.0, 3.0), edges=(0.0, 1.0, 2.0, 3.0))
    spec = evidence_spec(Diagnosis("layer", "Conv", Fault.FAR, "far", shown=shown))
    assert spec["layer"][0]["encoding"]["y"]["axis"]["values"] == [0, 1, 10, 100, 1000, 10000]


def _words(report: RepairReport) -> None:
    """What page and terminal say holds the whole log, and plain data are the same again."""
    assert RepairReport.from_json(report.to_json()) == report
    assert len(step_cells(report)) == len(report.steps)
    assert len(diagnosis_cells(report)) == len(report.diagnoses)
    assert "won back" in repair_sentence(report)
    _stops_in_time(report)
    rows = repair_rows(report)
    assert len(rows["way"]) == len(report.steps) + 1
    assert rows["way"][-1]["loss"] == pytest.approx(max(report.after.loss, 1e-7))
    assert Recipe.parse(report.repaired).digest != Recipe.parse(report.recipe).digest


def _stops_in_time(report: RepairReport) -> None:
    """No remedy is tried where none could win enough, no recipe twice, and what was left out is said."""
    worth, left = WORTH * report.before.loss, report.before.loss
    for step in report.steps:
        assert left >= worth
        left = step.loss if step.kept and step.loss is not None else left
    assert any("not tried" in note for note in report.notes) == (left < worth)
    tried = [(step.layer, step.remedy, step.loss) for step in report.steps if step.loss is not None]
    assert len(set(tried)) == len(tried)


def test_a_sound_model_is_left_as_it_is(shared_workspace: Path) -> None:  # noqa: ARG001
    """tumour_mlp in w8a8 is as right as float: nothing is tried, and the report says so."""
    report = qx.repair("tumour_mlp", "w8a8")
    assert report.steps == ()
    assert report.repaired == report.recipe
    assert report.sound
    said = f"{repair_sentence(report)} {report.notes}"
    assert said.lower().count("nothing to repair") == 1
    assert report.diagnoses
    assert said.count("does no harm") == 1
    assert diagnosis_header(report)[1] == "what stands out"


def test_what_cannot_be_repaired_is_one_sentence(shared_workspace: Path) -> None:  # noqa: ARG001
    """A float recipe, and too few samples."""
    model = load("digits_cnn")
    data = fitted(model, None, "")
    with pytest.raises(RecipeError, match="nothing to repair"):
        find_repair(model, data, Recipe.parse("name: nothing\nweights: null\nactivations: null"))
    few = replace(data, calibration=data.calibration.take(np.arange(9)), digest="nine")
    with pytest.raises(DataError, match="at least 16"):
        find_repair(model, few, Recipe.parse("w8a8"))


def test_several_channels_may_be_outliers_and_half_of_them_may_not() -> None:
    """Two that reach far hide neither each other nor themselves; where many do, or by little, none is one."""
    plain = np.linspace(2.0, 4.0, 64)
    two = plain.copy()
    two[[3, 17]] = 185.0, 308.0
    assert channels_apart(two) == (17, 3)
    assert channels_apart(plain) == ()
    many = plain.copy()
    many[:32] = 300.0
    assert channels_apart(many) == ()
    near = plain.copy()
    near[5], near[6] = 60.0, 20.0
    assert channels_apart(near) == ()
    assert channels_apart(np.zeros(8)) == ()
