"""What every task and every metric must do, whichever it is, from a file to what people see; and one of each brought
by a file at run time, with nothing else changed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.core.errors import DataError, UnknownName
from qexplorer.core.plugins import METRICS, TASKS
from qexplorer.core.results import Run, Status
from qexplorer.core.tasks.choose import metrics_of
from qexplorer.report.comparison_charts.tradeoff import trade_info, trade_spec
from qexplorer.report.export import comparison_csv, comparison_json
from qexplorer.report.table import ComparisonTable, run_cells
from qexplorer.report.verdict import Change, verdict_of
from qexplorer.run.protocol import Backend
from qexplorer.run.registry import BACKENDS
from tests.contract.task_cases import CASES, N, write
from tests.contract.throw_away import bring
from tests.contract.throw_away_task import METRIC, TASK


@pytest.fixture(scope="module")
def backend() -> Backend:
    """The one that all of it is tried on."""
    return BACKENDS.get("onnxruntime")


@pytest.fixture(scope="module")
def tables() -> dict[str, ComparisonTable]:
    """A finished comparison for each task, made when it is first asked for."""
    return {}


@pytest.fixture(params=TASKS.names())
def compared(
    request: pytest.FixtureRequest, tables: dict[str, ComparisonTable], tmp_path: Path
) -> tuple[str, ComparisonTable]:
    """A task's name, and float beside w8a8 on its tiny model."""
    name = request.param
    if name not in tables:
        model, data = write(CASES[name], tmp_path)
        tables[name] = qx.compare(model, ["w8a8"], data)
    return name, tables[name]


def test_labels_mean_their_task_and_results_name_their_metrics(compared: tuple[str, ComparisonTable]) -> None:
    """The labels mean the task and a note says so, or the file names it; each of its metrics has value and interval."""
    name, table = compared
    case, comparison = CASES[name], table.comparison
    assert comparison.data["task"] == name
    assert any(f"taken to be {name}" in note for note in comparison.data["notes"]) == (case.named is None)
    plain, int8 = table.runs
    assert plain.status is int8.status is Status.OK, int8.reason
    found = [int8.accuracy, *int8.metrics]
    assert [each.metric for each in found if each is not None] == list(case.metrics)
    for each in found:
        assert each is not None
        assert each.value is not None, each.reason
        assert each.n == 45
        assert each.ci95 is not None
        assert each.ci95[0] <= each.value <= each.ci95[1]
        metric = METRICS.get(each.metric)
        assert (each.title, each.unit, each.direction) == (metric.title, metric.unit, metric.direction)
        if not metric.needs_float:
            assert each.delta_ci95 is not None
            assert each.delta_ci95[0] <= (each.delta or 0.0) <= each.delta_ci95[1]
            base = next(b for b in (plain.accuracy, *plain.metrics) if b is not None and b.metric == each.metric)
            assert each.delta == pytest.approx(each.value - (base.value or 0.0))
    assert Run.from_json(json.loads(json.dumps(int8.to_json()))) == int8


def test_every_metric_is_measured_for_some_task() -> None:
    """No registered metric is left out of these cases."""
    assert {name for case in CASES.values() for name in case.metrics} == set(METRICS.names())
    for name in CASES:
        assert set(CASES[name].metrics) <= {metric.name for metric in metrics_of(TASKS.get(name), ())}


def test_what_people_see_names_the_metric_with_its_unit(compared: tuple[str, ComparisonTable]) -> None:
    """JSON, CSV, terminal table, run table, verdict and chart say what was measured, in its unit and no other."""
    from qexplorer.ui.compare.run_table import table_rows

    _, table = compared
    comparison, run = table.comparison, table.runs[1]
    found = run.accuracy
    assert found is not None
    printed = json.loads(comparison_json(comparison))["runs"][1]
    assert (printed["accuracy"]["metric"], printed["accuracy"]["unit"]) == (found.metric, found.unit)
    assert [each["metric"] for each in printed["metrics"]] == [each.metric for each in run.metrics]
    row = list(csv.DictReader(io.StringIO(comparison_csv(comparison))))[1]
    assert (row["metric"], row["unit"], row["direction"]) == (found.metric, found.unit, found.direction)
    assert all(each.metric in row and f"{each.metric}_delta_low" in row for each in run.metrics)
    cells, shown = run_cells(run, table.runs), table_rows(table.runs)[1]
    for each in (found, *run.metrics):
        for text in (cells[each.label], shown[each.label]):
            assert ("%" in text) == (each.unit == "%")
            assert each.unit in text
    assert found.label in verdict_of(run, table.runs).text or found.label in ("accuracy", "agreement with float")
    info = trade_info(comparison, "weight_bytes")
    assert info.y_title.startswith(found.label)
    assert ("lower is better" in info.y_title) == (found.direction == "lower")
    assert f"({found.unit})" in info.y_title or not found.unit
    drawn = trade_spec(info)["layer"][-1]["encoding"]["y"]["title"]
    assert drawn == info.y_title


@pytest.mark.parametrize("metric", [m for m in METRICS if not m.needs_float], ids=lambda metric: metric.name)
def test_the_direction_of_a_metric_decides_what_a_loss_is(metric: Any) -> None:
    """A sure rise is better where higher is better and worse where lower is; the words have the right side."""
    from qexplorer.report.metric_words import stated

    found = replace(stated(metric.name, 0.5, 100), delta=0.2, delta_ci95=(0.1, 0.3))
    run = Run("w8a8", "d" * 16, "onnxruntime", Status.OK, accuracy=found)
    verdict = verdict_of(run, [run])
    assert verdict.answers is (Change.BETTER if metric.direction == "higher" else Change.WORSE)
    assert ("gains 20.0 points" if metric.unit == "%" else f"0.2 higher {metric.title}") in verdict.text
    other = replace(run, accuracy=replace(found, delta=-0.2, delta_ci95=(-0.3, -0.1)))
    assert verdict_of(other, [other]).answers is (Change.WORSE if metric.direction == "higher" else Change.BETTER)


@pytest.mark.parametrize("name", TASKS.names())
def test_a_file_or_a_person_may_name_the_task(name: str, tmp_path: Path) -> None:
    """The file's own word holds, a person's goes over it, and nothing is said of inferring."""
    other = "similarity" if name != "similarity" else None
    _, path = write(CASES[name], tmp_path, task=np.array(name))
    found = qx.data(path)
    assert found.task == name
    assert not any("taken to be" in note for note in found.notes)
    if other is not None:
        assert qx.data(path, task=other).task == other
        assert qx.data(path, task=other).evaluation.labels is None


@pytest.mark.parametrize("name", [task.name for task in TASKS if task.needs_labels])
def test_wrong_labels_get_one_sentence(name: str, tmp_path: Path) -> None:
    """Labels that a task does not take, or that do not belong to the model, say what, where and what to do."""
    case = CASES[name]
    model, _ = write(case, tmp_path)
    wrong = {"classification": np.full(N, 99), "segmentation": np.full((N, 8, 8), 9), "sequences": np.full((N, 5), 50)}
    labels = wrong.get(name, np.zeros((N, 17)) + 0.5)
    _, path = write(replace_labels(case, labels), tmp_path)
    with pytest.raises(DataError) as caught:
        qx.measure(qx.load(model), qx.data(path, task=name))
    assert (caught.value.where, bool(caught.value.allowed), bool(caught.value.do)) == ("tiny", True, True)
    with pytest.raises(DataError, match="there are no labels"):
        qx.data(write(replace_labels(case, None), tmp_path)[1], task=name)


def replace_labels(case: Any, labels: Any) -> Any:
    """``case`` with these labels, or with none."""
    return replace(case, labels=None if labels is None else lambda _rng: labels)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    """A task that nobody registered is named with those that exist, in a file as by a person."""
    _, path = write(CASES["regression"], tmp_path)
    with pytest.raises(UnknownName, match="regression"):
        qx.data(path, task="regresion")
    _, path = write(CASES["regression"], tmp_path, task=np.array("regresion"))
    with pytest.raises(UnknownName, match="regression"):
        qx.data(path)
    with pytest.raises(UnknownName, match="accuracy"):
        METRICS.get("acuracy")


def test_one_file_adds_a_metric_and_one_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The throw-away task is chosen and judged by its own metric; comparison, words, chart, CSV and help know both."""
    from qexplorer.cli.main import main

    bring(monkeypatch, METRICS, "worst_error", METRIC, tmp_path)
    bring(monkeypatch, TASKS, "forecast", TASK, tmp_path)
    model, data = write(CASES["regression"], tmp_path)
    table = qx.compare(model, ["w8a8"], qx.data(data, task="forecast"))
    run = table.runs[1]
    assert run.status is Status.OK, run.reason
    assert run.accuracy is not None
    assert (run.accuracy.metric, run.accuracy.unit) == ("worst_error", "mm")
    assert [each.metric for each in run.metrics] == ["rmse"]
    assert run.accuracy.delta is not None
    assert run_cells(run, table.runs)["worst error"].endswith(" mm")
    assert "worst error" in verdict_of(run, table.runs).text
    assert trade_info(table.comparison, "weight_bytes").y_title == "worst error (mm), lower is better"
    row = list(csv.DictReader(io.StringIO(comparison_csv(table.comparison))))[1]
    assert (row["metric"], row["unit"], row["direction"]) == ("worst_error", "mm", "lower")
    assert main(["compare", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "forecast" in said
    assert "worst error, RMSE" in said
