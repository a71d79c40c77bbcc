"""Injected faults are found by layer and kind, and at least nine tenths of what they cost is won back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import DataError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.report.repair_charts.repair_words import diagnosis_cells, repair_sentence, step_cells
from qexplorer.report.repair_charts.steps import repair_rows
from qexplorer.search.repair.finding import find_repair
from qexplorer.search.repair.repair_types import Fault, RepairReport
from tests.search.repair.broken import with_mismatched_concat, with_outlier_channel

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
    path, join = with_mismatched_concat(folder)
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


@pytest.mark.parametrize("case", [_unequal, _outlier, _concat, _one_class])
def test_an_injected_fault_is_found_and_mended(case: Case, tmp_path: Path, shared_workspace: Path) -> None:  # noqa: ARG001
    """The first diagnosis is the injected one, the metric is back, and what was kept is said with its gain."""
    model, data, recipe, layers, faults = case(tmp_path)
    report = find_repair(model, data, Recipe.parse(recipe))
    first = report.diagnoses[0]
    assert first.layer in layers
    assert first.fault in faults
    assert first.sentence
    assert report.won_back >= 0.9
    assert report.before.metric_drop is not None
    assert report.after.metric_drop is not None
    assert report.before.metric_drop - report.after.metric_drop >= 0.9 * report.before.metric_drop
    assert any(step.kept for step in report.steps)
    _words(report)


def _words(report: RepairReport) -> None:
    """What page and terminal say holds the whole log, and plain data are the same again."""
    assert RepairReport.from_json(report.to_json()) == report
    assert len(step_cells(report)) == len(report.steps)
    assert len(diagnosis_cells(report)) == len(report.diagnoses)
    assert "won back" in repair_sentence(report)
    rows = repair_rows(report)
    assert len(rows["way"]) == len(report.steps) + 1
    assert rows["way"][-1]["loss"] == pytest.approx(max(report.after.loss, 1e-7))
    assert Recipe.parse(report.repaired).digest != Recipe.parse(report.recipe).digest


def test_a_sound_model_is_left_as_it_is(shared_workspace: Path) -> None:  # noqa: ARG001
    """digits_cnn in w8a8 is as right as float: nothing is tried, and the report says so."""
    report = qx.repair("digits_cnn", "w8a8")
    assert report.steps == ()
    assert report.repaired == report.recipe
    assert "nothing to repair" in report.notes[-1]
    assert "nothing to repair" in repair_sentence(report)


def test_what_cannot_be_repaired_is_one_sentence(shared_workspace: Path) -> None:  # noqa: ARG001
    """A float recipe, and too few samples."""
    model = load("digits_cnn")
    data = fitted(model, None, "")
    with pytest.raises(RecipeError, match="nothing to repair"):
        find_repair(model, data, Recipe.parse("name: nothing\nweights: null\nactivations: null"))
    few = replace(data, calibration=data.calibration.take(np.arange(9)), digest="nine")
    with pytest.raises(DataError, match="at least 16"):
        find_repair(model, few, Recipe.parse("w8a8"))
