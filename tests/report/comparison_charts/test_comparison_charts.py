"""Charts of a comparison: what is drawn, what is left out and why, and that the drawing is valid Vega-Lite."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import altair
import pytest

from qexplorer.core.results import Accuracy, Energy, Run, Status
from qexplorer.report.comparison_charts.bars import bars_spec, cost_info, kernels_info, latency_info, throughput_info
from qexplorer.report.comparison_charts.tradeoff import accuracy_against, has_accuracy, trade_info, trade_spec
from qexplorer.report.comparison_charts.values import MEASURES, label_of, scaled_unit
from qexplorer.report.palette import FLOAT, backend_colour
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run

REFUSED = Run("w4a8", "4" * 16, BACKEND, Status.REFUSED, "answers left the tolerance")


def valid(spec: dict[str, Any]) -> altair.LayerChart:
    """The chart, after Altair checked it against the schema of Vega-Lite."""
    return altair.LayerChart.from_dict(json.loads(json.dumps(spec)))


@pytest.mark.parametrize("measure", list(MEASURES))
def test_float_stands_at_its_true_place(measure: str) -> None:
    """Float is a point like any other, at its own cost and accuracy."""
    info = trade_info(comparison(), measure)
    base, other = info.points
    assert (base.is_float, base.accuracy.value) == (True, 99.0)
    truth = {"weight_bytes": (600, 150), "file_bytes": (610, 160), "latency_ms": (200, 100), "energy_mj": (0.6, 0.3)}
    assert (base.cost.value, other.cost.value) == pytest.approx(truth[measure])


def test_intervals_are_in_the_unit_of_the_axis() -> None:
    """A latency in microseconds has its interval in microseconds, and accuracy's is in per cent."""
    point = trade_info(comparison(), "latency_ms").points[0]
    assert (point.cost.low, point.cost.high) == pytest.approx((190, 210))
    assert (point.accuracy.low, point.accuracy.high) == pytest.approx((94.6, 99.8))


def test_a_run_without_numbers_is_left_out_with_its_reason() -> None:
    """A refused run is not drawn, and the reason is kept."""
    info = trade_info(comparison(float_run(), quantized_run(), REFUSED), "weight_bytes")
    assert [p.label for p in info.points] == ["float", "w8a8"]
    assert info.left_out == (("w4a8", "refused: answers left the tolerance"),)


def test_estimated_and_noisy_values_do_not_look_solid() -> None:
    """An estimated energy and a noisy latency are uncertain; a size is not."""
    noisy = replace(quantized_run().latency_ms, valid=False, reason="other work took half of the processor")
    found = comparison(float_run(), quantized_run(latency_ms=noisy))
    assert [p.cost.uncertain for p in trade_info(found, "latency_ms").points] == [False, True]
    assert [p.cost.uncertain for p in trade_info(found, "energy_mj").points] == [True, True]
    assert [p.cost.uncertain for p in trade_info(found, "file_bytes").points] == [False, False]


def test_measured_and_estimated_energy_are_never_in_one_chart() -> None:
    """Where one run was measured, estimates are left out and say so."""
    measured = quantized_run(energy_mj=Energy(0.2, (0.1, 0.3), "measured:rapl"))
    info = trade_info(comparison(float_run(), measured), "energy_mj")
    assert [p.label for p in info.points] == ["w8a8"]
    assert "never compared" in info.left_out[0][1]


def test_the_picture_starts_costs_at_zero_and_has_one_y_axis() -> None:
    """Costs start at zero, and no layer brings a second y axis."""
    spec = trade_spec(trade_info(comparison(), "latency_ms"))
    valid(spec)
    assert "resolve" not in spec
    for layer in spec["layer"]:
        assert layer["encoding"]["x"]["scale"]["domain"][0] == 0
        assert layer["encoding"]["y"]["title"] == "accuracy (%)"


def test_colours_are_float_grey_and_the_backends_hue() -> None:
    """Float is grey, every quantized run has its backend's hue."""
    rows = trade_spec(trade_info(comparison(), "latency_ms"))["datasets"]["runs"]
    assert [row["colour"] for row in rows] == [FLOAT, backend_colour(BACKEND)]


def test_an_untrained_model_shows_costs_alone() -> None:
    """Without an accuracy that means anything there is none in the chart: its bars are of the cost."""
    none = Accuracy("accuracy", None, reason="untrained")
    found = comparison(float_run(accuracy=none), quantized_run(accuracy=none))
    assert not has_accuracy(found)
    chart = accuracy_against(found, "latency_ms").to_dict()
    assert "accuracy" not in json.dumps(chart)
    assert "latency" in json.dumps(chart)


def test_accuracy_against_is_a_chart_that_altair_takes() -> None:
    """The chart for a notebook has the size data asked for, and an unknown measure is a KeyError."""
    chart = accuracy_against(comparison(), "weight_bytes").to_dict()
    assert "weight size (kB)" in json.dumps(chart)
    with pytest.raises(KeyError):
        accuracy_against(comparison(), "colour")


def test_latency_has_three_bars_each_with_the_interval_it_has() -> None:
    """Each run has median, 90th and 99th percentile; those that have an interval carry it."""
    info = latency_info(comparison())
    assert [(r.label, r.series) for r in info.rows][:3] == [("float", "p50"), ("float", "p90"), ("float", "p99")]
    assert [r.value.low is not None for r in info.rows[:3]] == [True, False, False]
    assert "500 calls" in info.rows[0].detail
    valid(bars_spec(info))
    took = replace(quantized_run().latency_ms, p90_ci95=(0.11, 0.14), p99_ci95=(0.15, 0.3))
    rows = latency_info(comparison(quantized_run(latency_ms=took))).rows
    assert [(r.value.low, r.value.high) for r in rows] == [(90.0, 110.0), (110.0, 140.0), (150.0, 300.0)]


def test_one_wild_interval_does_not_stretch_the_axis() -> None:
    """A p90 known to 0.3 to 6.8 ms beside values of 0.3 leaves the axis to these; an arrow says that it goes on."""
    took = replace(quantized_run().latency_ms, p90=0.35, p90_ci95=(0.3, 6.8))
    spec = bars_spec(latency_info(comparison(float_run(), quantized_run(latency_ms=took))))
    valid(spec)
    rows = [row for row in spec["datasets"]["bars"] if row["on"]]
    assert [(row["series"], row["high"]) for row in rows] == [("p90", pytest.approx(6800))]
    (end,) = {layer["encoding"]["x"]["scale"]["domain"][1] for layer in spec["layer"]}
    assert 400 < rows[0]["shown"] == end < 800
    noisy = replace(quantized_run().latency_ms, ci95=(0.09, 5.0))
    trade = trade_spec(trade_info(comparison(float_run(), quantized_run(latency_ms=noisy)), "latency_ms"))
    valid(trade)
    assert [row["run"] for row in trade["datasets"]["runs"] if row["on"]] == ["w8a8"]
    assert trade["layer"][0]["encoding"]["x"]["scale"]["domain"][1] < 400


def test_one_wild_percentile_does_not_stretch_the_axis() -> None:
    """A p99 of 12.5 ms beside medians of 0.1 ms leaves the axis to these: it goes on, with its value behind it."""
    took = replace(quantized_run().latency_ms, p99=12.5, p99_ci95=(9.0, 14.0))
    spec = bars_spec(latency_info(comparison(float_run(), quantized_run(latency_ms=took))))
    valid(spec)
    (end,) = {layer["encoding"]["x"]["scale"]["domain"][1] for layer in spec["layer"]}
    (wild,) = [row for row in spec["datasets"]["bars"] if row["on"]]
    assert (wild["series"], wild["value"], wild["text"]) == ("p99", pytest.approx(12.5), "12.5")
    assert wild["end"] == wild["from"] == wild["shown"] == end
    medians = [row["value"] for row in spec["datasets"]["bars"] if row["series"] == "p50"]
    assert end == pytest.approx(4 * max(medians))


def test_throughput_has_a_bar_for_each_batch() -> None:
    """Batches stand in ascending order, one bar for each run and batch."""
    info = throughput_info(comparison())
    assert info.series == ("batch 1", "batch 8")
    assert [r.value.value for r in info.rows] == [5000, 9000, 5000, 9000]
    valid(bars_spec(info))


def test_kernels_stack_to_what_ran() -> None:
    """Integer and float kernels of a run add up, and the operators are told."""
    info = kernels_info(comparison())
    rows = bars_spec(info)["datasets"]["bars"]
    assert {row["run"]: row["end"] for row in rows} == {"float": 13, "w8a8": 13}
    assert "QLinearConv 12" in [row["detail"] for row in rows][2]


def test_uncertain_bars_are_striped() -> None:
    """A bar of an estimate is drawn by a striped gradient, a measured one is solid."""
    striped = [m for m in bars_spec(cost_info(comparison(), "energy_mj"))["layer"] if "stops" in json.dumps(m)]
    solid = [m for m in bars_spec(cost_info(comparison(), "weight_bytes"))["layer"] if "stops" in json.dumps(m)]
    assert (len(striped), len(solid)) == (2, 0)
    valid(bars_spec(cost_info(comparison(), "energy_mj")))


def test_bars_start_at_zero() -> None:
    """Every bar starts at zero, stacked ones where the one before it ended."""
    for info in (cost_info(comparison(), "latency_ms"), latency_info(comparison())):
        assert {row["start"] for row in bars_spec(info)["datasets"]["bars"]} == {0.0}


def test_labels_name_what_tells_runs_apart() -> None:
    """The backend is named where there are several, the digest where two recipes share a name."""
    two = (float_run(), float_run("openvino"))
    assert label_of(two[1], two) == "float, OpenVINO"
    twins = (quantized_run(), quantized_run(digest="abcd" * 4))
    assert label_of(twins[1], twins) == "w8a8 (abcd)"


@pytest.mark.parametrize(
    ("unit", "largest", "shown"),
    [
        ("B", 999, "B"),
        ("B", 25_000_000, "MB"),
        ("ms", 0.2, "µs"),
        ("ms", 20, "ms"),
        ("mJ", 0.01, "µJ"),
        ("mJ", 5, "mJ"),
    ],
)
def test_units_suit_the_largest_value(unit: str, largest: float, shown: str) -> None:
    """The axis has the unit in which its largest value reads well."""
    assert scaled_unit(unit, [largest, largest / 3])[0] == shown


def test_points_of_several_backends_are_named_by_recipe_and_never_over_each_other() -> None:
    """Two backends at one spot: the recipe stands there once; hovering tells which backend is which."""
    runs = [make(backend) for backend in ("onnxruntime", "openvino") for make in (_float_on, _int8_on)]
    points = trade_info(comparison(*runs), "weight_bytes").points
    assert [point.text for point in points] == ["float", "w8a8", "", ""]
    assert [point.label for point in points][2:] == ["float, OpenVINO", "w8a8, OpenVINO"]


def _float_on(backend: str) -> Run:
    return float_run(backend)


def _int8_on(backend: str) -> Run:
    return quantized_run("w8a8", backend)


def test_a_long_name_stands_at_its_point_by_its_beginning_and_its_end() -> None:
    """Names that are longer than the narrowest plot is wide would have no place anywhere."""
    name = "w8a8 mixed: 19 int4, 7 int8 (b6c), trained with epochs 3"
    points = trade_info(comparison(float_run(), quantized_run(name)), "weight_bytes").points
    text = points[1].text
    assert points[1].label == name
    assert points[1].place is not None
    begin, end = text.split("…")
    assert name.startswith(begin)
    assert name.endswith(end)


def test_settings_stand_under_every_chart_in_lines_that_are_not_cut() -> None:
    """Model, samples, machine and moment are in the subtitle, broken where the narrowest chart would cut it."""
    long = comparison(machine={"cpu": "Intel(R) Xeon(R) Platinum 8488C with a long name"})
    lines = trade_spec(trade_info(long, "latency_ms"))["title"]["subtitle"]
    assert ", ".join(lines).startswith("net, 10 samples of points, Intel(R) Xeon(R)")
    assert max(map(len, lines)) <= 54
