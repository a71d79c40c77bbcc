"""The numbers that are drawn: with intervals, notes and reasons, in a unit that reads well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.core.results import Energy, Latency, Run, Status
from qexplorer.report.comparison_charts.bars import bars_spec, cost_info, kernels_info, latency_info, throughput_info
from qexplorer.report.comparison_charts.values import Value, axis_end, label_of, made_on, scaled_unit, value_of
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run

METERED = Energy(0.2, (0.1, 0.3), "measured:rapl")


def latency(**changes: Any) -> Latency:
    """0.1 ms, known to a tenth."""
    found = quantized_run().latency_ms
    assert found is not None
    return replace(found, **changes)


NOISY = latency(valid=False, reason="load")
DISTURBED = Value(0.2, 0.1, 0.3, "from disturbed rounds")


@pytest.mark.parametrize(
    ("unit", "largest", "shown", "factor"),
    [
        ("B", 999.0, "B", 1.0),
        ("B", 1e3, "kB", 1e-3),
        ("B", 1e6, "MB", 1e-6),
        ("B", 1e9, "GB", 1e-9),
        ("ms", 0.999, "µs", 1e3),
        ("ms", 1.0, "ms", 1.0),
        ("ms", 1999.0, "ms", 1.0),
        ("ms", 2000.0, "s", 1e-3),
        ("mJ", 0.099, "µJ", 1e3),
        ("mJ", 0.1, "mJ", 1.0),
        ("mJ", 1e3, "J", 1e-3),
        ("samples/s", 0.0, "samples/s", 1.0),
    ],
)
def test_the_unit_is_that_of_the_largest_value(unit: str, largest: float, shown: str, factor: float) -> None:
    """And the factor turns values into it."""
    assert scaled_unit(unit, [0.0, largest]) == (shown, factor)


def test_an_axis_ends_behind_what_is_drawn() -> None:
    """6 % behind the highest end; an interval that is far longer than the values counts up to 1.6 times the largest."""
    assert axis_end([Value(1.0), Value(2.0, 1.5, 2.5)]) == pytest.approx(1.06 * 2.5)
    assert axis_end([Value(2.0, 1.0, 30.0)]) == pytest.approx(1.06 * 1.6 * 2.0)
    assert axis_end([Value(2.0)]) == pytest.approx(1.06 * 2.0)
    assert axis_end([]) == axis_end([Value(0.0)]) == pytest.approx(1.06)


def test_a_value_in_another_unit_keeps_its_note() -> None:
    """Both ends go along; a value without ends has none in the other unit."""
    assert Value(2.0, 1.0, 3.0, "noisy").times(10.0) == Value(20.0, 10.0, 30.0, "noisy")
    assert Value(2.0).times(10.0) == Value(20.0)
    assert (Value(2.0, 1.0, 3.0).ends, Value(2.0).ends) == ((1.0, 2.0, 3.0), (2.0,))


def test_a_run_is_called_by_what_tells_it_from_the_others() -> None:
    """The backend where there are several; the digest where another run has recipe and backend alike."""
    one, elsewhere = quantized_run(), quantized_run(backend="openvino")
    assert label_of(one, [one, float_run()]) == "w8a8"
    assert label_of(one, [one, elsewhere]) == "w8a8, ONNX Runtime"
    twin = replace(one, digest="abcdef")
    assert label_of(twin, [one, twin, elsewhere]) == "w8a8, ONNX Runtime (abcd)"


@pytest.mark.parametrize(
    ("run", "measure", "value", "reason"),
    [
        (quantized_run(), "latency_ms", Value(0.1, 0.09, 0.11), None),
        (quantized_run(latency_ms=latency(valid=False)), "latency_ms", Value(0.1, 0.09, 0.11, "noisy"), None),
        (quantized_run(latency_ms=replace(NOISY, ci95=None)), "latency_ms", Value(0.1, note="load"), None),
        (quantized_run(latency_ms=latency(reason="p99 not shown", ci95=None)), "latency_ms", Value(0.1), None),
        (quantized_run(latency_ms=latency(p50=None, reason="died")), "latency_ms", None, "died"),
        (quantized_run(latency_ms=latency(p50=None)), "latency_ms", None, "latency was not measured"),
        (quantized_run(latency_ms=None), "latency_ms", None, "latency was not measured"),
        (quantized_run(), "file_bytes", Value(160_000.0), None),
        (quantized_run(size=None), "file_bytes", None, "the size is not known"),
        (quantized_run(), "energy_mj", Value(0.3, note="estimated"), None),
        (quantized_run(energy_mj=METERED), "energy_mj", Value(0.2, 0.1, 0.3), None),
        (quantized_run(energy_mj=replace(METERED, valid=False)), "energy_mj", DISTURBED, None),
        (quantized_run(energy_mj=Energy(None, None, "estimated", "why")), "energy_mj", None, "why"),
        (quantized_run(energy_mj=None), "energy_mj", None, "energy was not measured"),
        (Run("w4a8", "4", BACKEND, Status.REFUSED, "why"), "file_bytes", None, "refused: why"),
    ],
)  # fmt: skip
def test_a_cost_or_why_there_is_none(run: Run, measure: str, value: Value | None, reason: str | None) -> None:
    """A note says what makes it uncertain."""
    assert value_of(run, measure, [run]) == (value, reason)


def test_disturbed_energy_says_how_the_machine_was() -> None:
    """As the timing of the same rounds does."""
    energy = Energy(0.3, None, "estimated", valid=False)
    run = quantized_run(energy_mj=energy, latency_ms=latency(valid=False, load="a program"))
    assert value_of(run, "energy_mj", [run])[0] == Value(0.3, note="estimated, on a busy machine")


def test_what_a_chart_was_made_on() -> None:
    """Model, samples, machine, minute and effort; nothing of samples where none were judged."""
    found = comparison(data={"name": "points", "n_judged": 12_000})
    assert made_on(found) == "net, 12,000 samples of points, A CPU, 2026-01-02 03:04 UTC, effort quick"
    assert made_on(comparison(data={})) == "net, A CPU, 2026-01-02 03:04 UTC, effort quick"


def test_bars_without_a_number_say_why() -> None:
    """A run's own reason first, then that of the measurement."""
    bare = quantized_run("w4", latency_ms=None, kernels=None, throughput_by_batch={})
    failed = Run("w2", "2", BACKEND, Status.FAILED, "died")
    found = comparison(bare, failed)
    for info, said in (
        (latency_info(found), "latency was not measured"),
        (throughput_info(found), "throughput was not measured"),
        (kernels_info(found), "the backend does not say"),
    ):
        assert info.left_out == (("w4", said), ("w2", "died"))
        assert not info.rows
    assert cost_info(found, "latency_ms").left_out == (
        ("w4", said := "latency was not measured"),
        ("w2", "failed: died"),
    )
    late = latency_info(comparison(replace(bare, latency_ms=latency(p50=None, reason="too slow"))))
    assert late.left_out == (("w4", "too slow"),)
    assert late.most is None


def test_bars_tell_noise_and_what_they_rest_on() -> None:
    """Noisy latencies and rates have a note; kernels are listed, the most frequent first, under the bar's number."""
    noisy = quantized_run(latency_ms=NOISY)
    (p50, *_) = latency_info(comparison(noisy)).rows
    assert (p50.value.note, p50.detail) == ("load", "900 calls, batch 1, 1 thread")
    assert [row.value.note for row in throughput_info(comparison(noisy)).rows] == ["", "noisy"]
    integer, floats = kernels_info(comparison(quantized_run())).rows
    assert (integer.detail, integer.text, integer.value) == ("QLinearConv 12, QGemm 1", "13", Value(13.0))
    assert (floats.detail, floats.text) == ("", "0")


def test_stacked_bars_stand_one_behind_the_other() -> None:
    """Each begins where the one before ended, run by run."""
    kernels = replace(quantized_run().kernels, float={"Conv": 2})  # type: ignore[type-var]
    found = bars_spec(kernels_info(comparison(float_run(), quantized_run(kernels=kernels))))
    rows = [(row["run"], row["series"], row["start"], row["end"]) for row in found["datasets"]["bars"]]
    assert rows == [
        ("float", "integer", 0, 0),
        ("float", "float", 0, 13),
        ("w8a8", "integer", 0, 13),
        ("w8a8", "float", 13, 15),
    ]


def test_bars_of_one_run_stand_beside_each_other_unless_they_add_up() -> None:
    """Each fainter than the one before, with a legend; a single bar, and stacked ones, have neither."""
    several = bars_spec(latency_info(comparison()))
    encoding = several["layer"][0]["encoding"]
    assert encoding["yOffset"]["sort"] == encoding["opacity"]["scale"]["domain"] == ["p50", "p90", "p99"]
    fades = encoding["opacity"]["scale"]["range"]
    assert fades == sorted(set(fades), reverse=True)
    for info in (cost_info(comparison(), "latency_ms"), kernels_info(comparison())):
        alone = bars_spec(info)["layer"][0]["encoding"]
        assert not {"yOffset", "opacity"} & set(alone)
    stacked = bars_spec(kernels_info(comparison()))["layer"]
    assert {layer["encoding"]["x"]["scale"].get("zero") for layer in stacked} == {True}


def test_names_of_two_lines_begin_higher() -> None:
    """Recipe over backend, where backends are told."""
    one, two = comparison(), comparison(float_run(), float_run("openvino"))
    offsets = [
        bars_spec(cost_info(c, "file_bytes"))["layer"][0]["encoding"]["y"]["axis"]["labelOffset"] for c in (one, two)
    ]
    assert offsets[0] == 0
    assert offsets[1] < 0


def test_an_uncertain_bar_has_as_many_stripes_as_it_is_long() -> None:
    """Stripes of all bars are alike: half the longest has half as many, and each begins where the one before ends."""
    striped = bars_spec(cost_info(comparison(), "energy_mj"))["layer"][:2]
    stops = [layer["mark"]["color"]["stops"] for layer in striped]
    assert len(stops[0]) == 2 * len(stops[1]) > 40
    for each in stops:
        offsets = [stop["offset"] for stop in each]
        assert (offsets[0], offsets[-1]) == (0, 1)
        assert offsets[1:-1:2] == offsets[2::2]
        assert len({stop["color"] for stop in each}) == 2
    tiny = comparison(float_run(), quantized_run(energy_mj=Energy(1e-6, None, "estimated")))
    assert len(bars_spec(cost_info(tiny, "energy_mj"))["layer"][1]["mark"]["color"]["stops"]) == 4


def test_what_hangs_on_a_bar_stands_behind_its_interval() -> None:
    """The value to three digits, or its own text; what is drawn ends with the axis."""
    spec = bars_spec(cost_info(comparison(), "latency_ms"))
    rows = spec["datasets"]["bars"]
    assert [(row["from"], row["shown"], row["end"], row["on"]) for row in rows] == [
        (pytest.approx(190), pytest.approx(210), pytest.approx(200), False),
        (pytest.approx(90), pytest.approx(110), pytest.approx(100), False),
    ]
    assert [row["text"] for row in rows] == ["200", "100"]
    bare = bars_spec(cost_info(comparison(), "file_bytes"))["datasets"]["bars"][0]
    assert (bare["from"], bare["low"], bare["shown"]) == (None, None, bare["end"])
