"""What is drawn of a stream."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

from qexplorer.core.speed import Speedup
from qexplorer.measure.live.windows import LiveSide, LiveWindow
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_svg
from qexplorer.report.comparison_charts.live import (
    PANELS,
    colours_of,
    live_frame,
    live_spec,
    saved_spec,
    speed_sentence,
)
from qexplorer.report.palette import FLOAT, backend_colour


def window(t: float) -> LiveWindow:
    """A window with known numbers."""
    side = LiveSide("float", 20, 2.0, 2.5, 500.0, 0.4, 3.0, "estimated", 100, 90, 0.9, (0.8, 0.95))
    other = LiveSide("w8a8", 20, 1.0, None, 1000.0, 0.2, 3.1, "estimated", 100)
    return LiveWindow(t, {"a": side, "b": other}, (50.0, 10.0), 80_000_000, gpu_percent=(7.0,), metric="token_accuracy")


def frames(windows: list[LiveWindow]) -> dict[str, list[dict[str, object]]]:
    """The points of each panel."""
    return {panel.key: live_frame(windows, panel).to_dict("records") for panel in PANELS}


def test_every_panel_draws_its_quantity() -> None:
    """Latency spans median to p90, the metric its interval, in its unit; processors and GPUs each have a line."""
    found = frames([window(1.0)])
    latency = {row["line"]: row for row in found["latency"]}
    assert (latency["a"]["value"], latency["a"]["high"]) == (2.0, 2.5)
    assert math.isnan(float(str(latency["b"]["high"])))
    assert [row["value"] for row in found["throughput"]] == [500.0, 1000.0]
    (right,) = found["answers"]
    assert (right["value"], right["low"], right["high"]) == (90.0, 80.0, 95.0)
    assert [row["line"] for row in found["cpu"]] == ["CPU 0", "CPU 1", "GPU 0"]
    assert found["memory"][0]["value"] == 80.0


def test_a_slow_tail_does_not_press_the_medians_to_zero() -> None:
    """The band of latency ends at three times its median, however long one call in ten took."""
    side = LiveSide("float", 20, 2.0, 60.0, 500.0, 0.4, 3.0, "estimated", 100)
    (row,) = frames([replace(window(1.0), sides={"a": side})])["latency"]
    assert (row["low"], row["high"]) == (2.0, 6.0)


def test_only_the_last_minute_is_drawn() -> None:
    """What is older than 60 seconds has left the chart."""
    found = live_frame([window(1.0), window(50.0), window(100.0)], PANELS[0])
    assert sorted(set(found["t"])) == [50.0, 100.0]


def test_a_specification_does_not_depend_on_the_data() -> None:
    """The same colours give the same chart, so only data moves while it streams."""
    colours = {"a": FLOAT, "b": "#123456"}
    for panel in PANELS:
        assert live_spec(panel, colours) == live_spec(panel, colours)
        assert "values" not in str(live_spec(panel, colours))


def test_the_chart_of_answers_is_named_by_the_metric() -> None:
    """Title with unit, whatever the task; without a metric it is not said to be one."""
    answers = next(panel for panel in PANELS if panel.key == "answers")
    assert live_spec(answers, {}, "rmse")["title"]["text"] == "RMSE so far"
    assert live_spec(answers, {}, "token_accuracy")["title"]["text"] == "Next-token accuracy (%) so far"
    assert live_spec(answers, {})["title"]["text"] == "Answers so far"


def test_two_equal_variants_are_told_apart() -> None:
    """Float is grey, integers have their backend's hue, and two of one hue get two."""
    ort = {"a": "onnxruntime", "b": "onnxruntime"}
    assert colours_of(ort, {"a": "float", "b": "w8a8"}) == {"a": FLOAT, "b": backend_colour("onnxruntime")}
    for recipe in ("float", "w8a8"):
        same = colours_of(ort, {"a": recipe, "b": recipe})
        assert same["a"] != same["b"]


def test_the_sentence_says_who_is_faster() -> None:
    """The faster one comes first with its ratio and interval; an interval that holds 1 shows no difference."""
    told = "w8a8 is 2.00 times faster than float"
    assert speed_sentence("float", "w8a8", Speedup(2.0, (1.9, 2.1))) == f"{told} (1.90 to 2.10)"
    assert speed_sentence("w8a8", "float", Speedup(0.5, (0.4, 0.625))) == f"{told} (1.60 to 2.50)"
    assert "no difference" in (speed_sentence("a", "b", Speedup(1.02, (0.98, 1.06))) or "")
    assert speed_sentence("a", "b", None) is None


def test_a_chart_that_is_taken_away_stands_alone() -> None:
    """Its data, what was streamed under its own name, and the settings: in the chart, as SVG and as CSV."""
    colours, labels = {"a": FLOAT, "b": "#123456"}, {"a": "float, LiteRT", "b": "w8a8, LiteRT"}
    latency = saved_spec([window(1.0)], PANELS[0], colours, labels, settings="net, digits")
    rows = list(csv.DictReader(io.StringIO(chart_csv(latency))))
    assert [(row["line"], row["value"], row["high"]) for row in rows] == [
        ("float, LiteRT", "2.0", "2.5"),
        ("w8a8, LiteRT", "1.0", ""),
    ]
    assert {(row["chart"], row["settings"]) for row in rows} == {("Latency of one call (ms)", "net, digits")}
    drawn = chart_svg(latency)
    assert all(text in drawn for text in ("float, LiteRT", "net, digits"))
    same = saved_spec([window(1.0)], PANELS[0], colours, dict.fromkeys("ab", "float"))
    assert {row["line"] for row in same["data"]["values"]} == {"float (a)", "float (b)"}


def test_a_band_needs_both_ends() -> None:
    """A median without a tail has none, and a tail without a median is left as it is."""
    side = LiveSide("float", 20, None, 2.5, 500.0, 0.4, 3.0, "estimated", 100)
    assert frames([replace(window(1.0), sides={"a": side})])["latency"] == []
    near = replace(side, p50_ms=2.0, p90_ms=5.9)
    (row,) = frames([replace(window(1.0), sides={"a": near})])["latency"]
    assert (row["low"], row["high"]) == (2.0, 5.9)
