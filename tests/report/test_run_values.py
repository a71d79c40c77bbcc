"""Every number of a run in its own column, and what is said of a comparison beside its table."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.core.results import Accuracy, Energy, Fidelity, Kernels, Latency, Memory, Run, Size, Status, Throughput
from qexplorer.report.metric_columns import columns_of, further_columns
from qexplorer.report.metric_words import stated
from qexplorer.report.run_columns import COLUMNS
from qexplorer.report.table import ComparisonTable, data_facts, frame_of, plain, row_of, run_cells, run_notes
from tests.report.comparisons import comparison, float_run

FULL = Run(
    recipe="w8a8",
    digest="d1",
    backend="onnxruntime",
    status=Status.OK,
    reason="a reason",
    accuracy=Accuracy("accuracy", 0.9, (0.8, 0.95), 50, -0.02, (-0.05, 0.01), 0.25, 2, 3),
    metrics=(replace(stated("sqnr", 30.0, 50), ci95=(28.0, 33.0), delta=-1.0, delta_ci95=(-2.0, 0.5)),),
    size=Size(1000, 500, 800, "int4 in int8"),
    latency_ms=Latency(
        1.0, 2.0, 3.0, (0.9, 1.1), 77, 4, 2, True, 1.5, (1.4, 1.6), None, (1.8, 2.2), (2.5, 3.5), 7, "load"
    ),
    throughput_per_s=400.0,
    throughput_by_batch={1: Throughput(300.0, (290.0, 310.0), 9), 8: Throughput(400.0, (380.0, 420.0), 9, valid=True)},
    memory=Memory(9000, 100, steady_rss_bytes=8000),
    energy_mj=Energy(5.0, (4.0, 6.0), "estimated", "why", 9, True, 0.5, (0.4, 0.6)),
    fidelity=Fidelity(0.99, 2.0, False, 50),
    kernels=Kernels({"QGemm": 2, "QLinearConv": 3}, {"Conv": 4}, {"Cast": 6}),
    notes=("one", "two"),
)
BARE = Run("w2", "d2", "torch", Status.FAILED, "died")


def test_every_number_is_in_its_own_column() -> None:
    """Low ends and high ones, quantiles, counts: what a run holds, under its name."""
    assert row_of(FULL) == {
        "recipe": "w8a8",
        "digest": "d1",
        "backend": "onnxruntime",
        "status": "ok",
        "reason": "a reason",
        "metric": "accuracy",
        "accuracy": 0.9,
        "accuracy_low": 0.8,
        "accuracy_high": 0.95,
        "n": 50,
        "unit": "%",
        "direction": "higher",
        "delta": -0.02,
        "delta_low": -0.05,
        "delta_high": 0.01,
        "mcnemar_p": 0.25,
        "fixed": 2,
        "broken": 3,
        "file_bytes": 1000,
        "weight_bytes": 500,
        "stored_bytes": 800,
        "latency_p50_ms": 1.0,
        "latency_p90_ms": 2.0,
        "latency_p99_ms": 3.0,
        "latency_low_ms": 0.9,
        "latency_high_ms": 1.1,
        "latency_n": 77,
        "latency_valid": True,
        "batch": 4,
        "threads": 2,
        "speedup": 1.5,
        "speedup_low": 1.4,
        "speedup_high": 1.6,
        "throughput_per_s": 400.0,
        "throughput_batch": 8,
        "throughput_low_per_s": 380.0,
        "throughput_high_per_s": 420.0,
        "throughput_valid": True,
        "latency_p90_low_ms": 1.8,
        "latency_p90_high_ms": 2.2,
        "latency_p99_low_ms": 2.5,
        "latency_p99_high_ms": 3.5,
        "latency_loads": 7,
        "load": "load",
        "peak_rss_bytes": 9000,
        "steady_rss_bytes": 8000,
        "energy_mj": 5.0,
        "energy_low_mj": 4.0,
        "energy_high_mj": 6.0,
        "energy_source": "estimated",
        "energy_valid": True,
        "energy_ratio": 0.5,
        "energy_ratio_low": 0.4,
        "energy_ratio_high": 0.6,
        "argmax_agreement": 0.99,
        "max_lsb": 2.0,
        "exact": False,
        "integer_kernels": 5,
        "float_kernels": 4,
        "notes": "one. two.",
    }


def test_a_run_that_came_to_nothing_has_no_numbers() -> None:
    """Names, status and reason; nothing else is anything but missing."""
    named = {"recipe", "digest", "backend", "status", "reason"}
    assert {name for name, value in row_of(BARE).items() if value is not None} == named


def test_counts_stay_whole_beside_missing_ones() -> None:
    """In the frame a count that could not be had is missing and does not make floats of the others."""
    frame = frame_of((FULL, BARE))
    whole = ("n", "fixed", "broken", "file_bytes", "weight_bytes", "stored_bytes", "latency_n", "batch", "threads")
    whole += ("throughput_batch", "latency_loads", "peak_rss_bytes", "steady_rss_bytes", "integer_kernels")
    assert {str(frame[name].dtype) for name in whole} == {"Int64"}
    assert frame["sqnr_delta_high"].tolist()[0] == 0.5


def test_further_metrics_have_columns_of_their_own() -> None:
    """Value, difference, both intervals, behind what a run costs and in front of its status; empty without a value."""
    (found,) = further_columns((BARE, FULL))
    assert found.help == "SQNR (dB), higher is better; with its 95 % interval and n"
    assert {value.name: value.read(FULL) for value in found.values} == {
        "sqnr": 30.0,
        "sqnr_low": 28.0,
        "sqnr_high": 33.0,
        "sqnr_delta": -1.0,
        "sqnr_delta_low": -2.0,
        "sqnr_delta_high": 0.5,
    }
    assert {value.read(BARE) for value in found.values} == {None}
    assert found.cell is not None
    assert (found.cell(FULL), found.cell(BARE)) == ("30.0 dB (28.0 to 33.0), n 50", "–")  # noqa: RUF001
    assert [column.title for column in columns_of((FULL,))][-2:] == ["SQNR", "status"]


def test_headings_are_those_of_the_metric() -> None:
    """Its name in the app, and its differences' unit in the terminal; words for none where nothing was judged."""
    judged, none = ([c.title for c in columns_of((run,))] for run in (FULL, BARE))
    assert ("accuracy" in judged, "metric" in none) == (True, True)
    briefs = [{c.brief_title for c in columns_of((run,)) if c.brief_title} for run in (FULL, BARE)]
    assert briefs == [{"Δ points"}, {"Δ"}]


def test_cells_of_the_app() -> None:
    """Each with its interval; what stands at the right end says so."""
    cells = {column.title: column.cell(FULL) for column in COLUMNS if column.cell}
    assert cells["p"] == "0.25"
    assert cells["fixed / broken"] == "2 / 3"
    assert (cells["weights"], cells["file"], cells["as stored"]) == ("500 B", "1.00 kB", "800 B")
    assert cells["throughput"] == "400 /s (380 to 420), batch 8"
    assert cells["fidelity"] == "2 steps"
    assert cells["kernels"] == "5 int, 4 float"
    assert {column.cell(float_run()) for column in COLUMNS if column.cell and column.title == "fidelity"} == {
        "is the reference"
    }
    late = {column.title for column in COLUMNS if column.late}
    assert {"p", "fixed / broken", "file", "as stored", "status"} <= late
    assert not late & {"accuracy", "weights", "latency", "speed-up", "energy"}
    assert run_cells(FULL)["status"] == "ok"


def test_notes_are_told_once_for_all_runs_of_a_backend() -> None:
    """Runs that share a note are named together; another backend's stand apart."""
    runs = [
        replace(FULL, notes=("x",)),
        replace(FULL, recipe="w4", notes=("x", "y")),
        replace(FULL, backend="torch", notes=("x",)),
    ]
    assert run_notes(runs) == (
        "w8a8, w4 on ONNX Runtime: x.",
        "w4 on ONNX Runtime: y.",
        "w8a8 on PyTorch integer: x.",
    )


def test_conditions_are_those_of_what_was_measured() -> None:
    """The most samples, the fewest calls, each load once, what ranges were observed on; threads of more than one."""
    runs = (FULL, replace(FULL, latency_ms=replace(FULL.latency_ms, n=33), accuracy=replace(FULL.accuracy, n=60)))  # type: ignore[type-var]
    data = {"calibration": "512 of 5,000 samples", "parts": "no sample is in both parts"}
    found = ComparisonTable(comparison(*runs, data=data)).conditions
    assert found == (
        "A CPU",
        "accuracy on 60 samples, 95 % intervals",
        "ranges from 512 of 5,000 samples",
        "no sample is in both parts",
        "latency: median of 33 calls or more, batch 4, 2 threads",
        "load",
        "effort quick",
    )
    assert data_facts(comparison(data={})) == ()
    assert ComparisonTable(comparison(BARE, machine={})).conditions == ()


def test_plain_data_hold_nothing_that_json_lacks() -> None:
    """Numbers of NumPy become Python's; text stays text."""
    import numpy as np

    assert plain({1: np.float32(0.5), "a": (np.int64(3), float("-inf")), "t": "x", "n": None, "b": True}) == {
        "1": 0.5,
        "a": [3, None],
        "t": "x",
        "n": None,
        "b": True,
    }
