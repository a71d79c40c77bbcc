"""Tables and exports of runs, from values whose text is known."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from qexplorer.core.results import Accuracy, Energy, Fidelity, Kernels, Latency, Memory, Run, Size, Status, Throughput
from qexplorer.measure.comparison import Comparison
from qexplorer.report.export import comparison_csv, comparison_json, json_text
from qexplorer.report.notebook import comparison_html, run_html, table_html
from qexplorer.report.table import COLUMNS, ComparisonTable, row_of, run_cells
from qexplorer.report.words import (
    NONE,
    bytes_text,
    count_text,
    energy_cell,
    energy_text,
    latency_cell,
    speedup_cell,
    throughput_cell,
)

GOOD = Run(
    recipe="w8a8",
    digest="ab" * 8,
    backend="onnxruntime",
    status=Status.OK,
    accuracy=Accuracy("accuracy", 0.987, (0.974, 0.994), 597, -0.002, (-0.006, 0.001), 0.5, 1, 2, (3, 4)),
    size=Size(165_000, 150_400),
    latency_ms=Latency(0.1234, 0.2, 0.3, (0.12, 0.13), 400, 1, 1, True, 1.9, (1.8, 2.0)),
    throughput_per_s=8000.0,
    memory=Memory(61_000_000),
    energy_mj=Energy(0.41, None, "estimated", "no meter"),
    fidelity=Fidelity(1.0, 1.0, False, 597),
    kernels=Kernels({"QLinearConv": 9, "QGemm": 1}, {"Softmax": 1}),
)
REFUSED = Run("w4a8", "cd" * 8, "onnxruntime", Status.REFUSED, "answers left the tolerance: <3 steps>")


def comparison(*runs: Run) -> Comparison:
    """A comparison with these runs."""
    model = {"name": "m", "path": "/somewhere/m.onnx", "sha256": "0"}
    return Comparison("1", "2026-01-01T00:00:00+00:00", model, {"name": "d"}, {"cpu": "A CPU"}, runs)


def test_cells_read_as_people_write() -> None:
    """Units, intervals, and the word that tells an estimate from a measurement."""
    assert run_cells(GOOD) == {
        "recipe": "w8a8",
        "backend": "ONNX Runtime",
        "accuracy": "98.7 % (97.4 to 99.4)",
        "Δ points": "-0.2 (-0.6 to +0.1)",
        "weights": "150 kB",
        "file": "165 kB",
        "latency": "0.123 ms",
        "speed-up": "1.90x (1.80 to 2.00)",
        "memory": "61.0 MB",
        "energy": "0.41 mJ estimated",
        "fidelity": "1 step",
        "status": "ok",
    }


def test_a_run_without_numbers_gives_its_reason() -> None:
    """No cell is 0: all are empty, and the reason stands in the last."""
    cells = run_cells(REFUSED)
    assert set(list(cells.values())[2:-1]) == {NONE}
    assert cells["status"] == "refused: answers left the tolerance: <3 steps>"


SIZES = [(None, NONE), (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1_234_567, "1.23 MB")]


@pytest.mark.parametrize(("value", "text"), SIZES)
def test_bytes(value: int | None, text: str) -> None:
    """Decimal units, three digits."""
    assert bytes_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(9999, "9999"), (150_970, "151 k"), (11_700_000, "11.7 M"), (None, NONE)])
def test_counts(value: int | None, text: str) -> None:
    """Exact below ten thousand."""
    assert count_text(value) == text


def test_a_row_has_every_column_and_no_other() -> None:
    """Good and refused runs alike; what could not be had is None."""
    assert tuple(row_of(GOOD)) == tuple(row_of(REFUSED)) == COLUMNS
    assert row_of(GOOD)["integer_kernels"] == 10
    assert row_of(GOOD)["speedup_low"] == 1.8
    assert row_of(REFUSED)["accuracy"] is None


def test_csv_has_one_line_for_each_run() -> None:
    """Units are in the names, and a missing value is an empty field."""
    named, refused = csv.DictReader(io.StringIO(comparison_csv(comparison(GOOD, REFUSED))))
    assert refused["reason"] == REFUSED.reason
    assert named["weight_bytes"] == "150400"
    assert named["latency_p50_ms"] == "0.1234"
    assert named["energy_low_mj"] == ""


def test_json_never_holds_what_json_lacks() -> None:
    """NaN and infinities become null, and the file's place on this machine is left out."""
    read = json.loads(json_text({"a": math.nan, "b": [math.inf, 1.5], 3: (1, 2)}))
    assert read == {"a": None, "b": [None, 1.5], "3": [1, 2]}
    value = json.loads(comparison_json(comparison(GOOD)))
    assert value == ComparisonTable(comparison(GOOD)).to_json()
    assert "path" not in value["model"]
    assert value["runs"][0]["kernels"]["integer"] == {"QLinearConv": 9, "QGemm": 1}


def test_html_is_escaped() -> None:
    """A name with a tag in it is text, not markup; long tables say how much they leave out."""
    html = ComparisonTable(comparison(GOOD, REFUSED))._repr_html_()
    assert "&lt;3 steps&gt;" in html
    assert "<script" not in table_html(["<script>"], [["<script>"]])
    assert "and 40 more rows" in table_html(["n"], [[n] for n in range(100)])


def test_conditions_say_what_was_measured_with() -> None:
    """Machine, samples, calls, batch and threads; nothing about what was not measured."""
    assert ComparisonTable(comparison(GOOD)).conditions == (
        "A CPU",
        "accuracy on 597 samples, 95 % intervals",
        "latency: median of 400 calls or more, batch 1, 1 thread",
        "effort quick",
    )
    assert ComparisonTable(comparison(REFUSED)).conditions == ("A CPU",)


def test_every_form_says_how_runs_ran() -> None:
    """A setting beside a backend's defaults stands in the terminal's and the notebook's lines, in CSV and in JSON."""
    said = "with session.some=1, which does it"
    runs = tuple(replace(GOOD, recipe=name, notes=(said,)) for name in ("w8", "w4"))
    table = ComparisonTable(comparison(GOOD, *runs))
    assert table.notes == (f"w8, w4 on ONNX Runtime: {said}.",)
    assert f"w8, w4 on ONNX Runtime: {said}." in comparison_html(table)
    assert said in run_html(runs[0])
    lines = list(csv.DictReader(io.StringIO(comparison_csv(table.comparison))))
    assert [line["notes"] for line in lines] == ["", f"{said}.", f"{said}."]
    assert json.loads(comparison_json(table.comparison))["runs"][1]["notes"] == [said]


def test_a_speed_up_that_says_nothing_is_none() -> None:
    """Between much slower and much faster no ratio is printed anywhere, only what it could be."""
    took = replace(GOOD.latency_ms, speedup=1.1, speedup_ci95=(0.5, 2.4), valid=False)
    run = replace(GOOD, latency_ms=took)
    assert run_cells(run)["speed-up"] == speedup_cell(took) == "none seen (0.50 to 2.40)"
    assert run_cells(replace(GOOD, latency_ms=replace(took, speedup_ci95=None)))["speed-up"] == NONE
    assert latency_cell(took) == "0.123 ms (0.120 to 0.130), n 400, noisy"


def test_noise_is_flagged_wherever_a_number_rests_on_it() -> None:
    """Energy and throughput of disturbed rounds say so, with their intervals, in the cells and in the CSV."""
    energy = Energy(0.41, (0.4, 0.43), "estimated", "no meter", valid=False, ratio=0.5, ratio_ci95=(0.4, 0.6))
    rates = {1: Throughput(9000.0, (8000.0, 9500.0), 90, valid=False), 8: Throughput(8000.0, (7000.0, 8500.0), 90)}
    run = replace(GOOD, energy_mj=energy, throughput_by_batch=rates)
    assert energy_cell(energy) == "0.410 mJ (0.400 to 0.430) estimated, noisy"
    assert energy_text(energy) == "0.41 mJ estimated (noisy)"
    assert throughput_cell(run) == "8,000 /s (7,000 to 8,500), batch 8"
    noisy = replace(run, throughput_by_batch={1: rates[1]})
    assert throughput_cell(noisy) == "9,000 /s (8,000 to 9,500), batch 1, noisy"
    (row,) = csv.DictReader(io.StringIO(comparison_csv(comparison(run))))
    assert (row["energy_valid"], row["energy_ratio"], row["energy_ratio_high"]) == ("False", "0.5", "0.6")
    assert (row["throughput_batch"], row["throughput_low_per_s"], row["throughput_valid"]) == ("8", "7000.0", "True")
    assert row["effort"] == "quick"


def test_every_line_of_the_csv_says_which_data_and_when() -> None:
    """The model, the samples that calibrated and of how many, and how many are in both parts; empty if not known."""
    data = {"name": "points", "n_calibration": 64, "n_calibration_available": 1000, "n_shared": 3}
    found = replace(comparison(GOOD), data=data)
    (line,) = csv.DictReader(io.StringIO(comparison_csv(found)))
    assert (line["n_calibration"], line["n_calibration_available"], line["n_shared"]) == ("64", "1000", "3")
    assert (line["model"], line["created"]) == (found.model["name"], found.created)
    (line,) = csv.DictReader(io.StringIO(comparison_csv(replace(found, data={"name": "points"}))))
    assert (line["n_calibration"], line["n_shared"], line["cautions"]) == ("", "", "")
