"""Charts and table of an explanation: what is drawn, from numbers made up by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import altair
import pytest

from qexplorer.machine.ceiling import Ceiling
from qexplorer.measure.why.explanation import Calls, Cause, LayerTime, Part, Parts, Why
from qexplorer.report.layer_charts.roofline import RooflineInfo, RoofPoint, _decade, roofline_info, roofline_spec
from qexplorer.report.layer_charts.why import layer_times_info, part_times_info, times_spec
from qexplorer.report.palette import FLOAT, backend_colour
from qexplorer.report.why_table import why_rows
from qexplorer.run.protocol import KernelKind

CEILING = Ceiling("A CPU", 1, "2026-01-02", 400.0, 40.0, 100.0, 20.0, 80.0)


def layer(name: str, kind: KernelKind, took: float, *, before: float = 2.0, convert: float | None = None) -> LayerTime:
    """A layer of 10 million multiply-accumulates on 1 MB in float and a quarter of it in integers."""
    values: dict[str, Any] = {"float_ms": before, "quantized_ms": took, "convert_ms": convert, "macs": 10_000_000}
    values |= {"float_bytes": 1_000_000, "quantized_bytes": 250_000, "kernel": "QLinearConv"}
    return LayerTime(name, "Conv", (name,), "quantized", kind, False, **values)


def explained(*layers: LayerTime) -> Why:
    """An explanation of these layers."""
    rows = layers or (layer("a", KernelKind.INTEGER, 0.5), layer("b", KernelKind.FLOAT, 3.0, convert=0.5))
    ms = dict.fromkeys(Part, 0.0) | {Part.INTEGER: 0.5, Part.FLOAT: 3.0, Part.CONVERT: 0.5}
    plain = Parts(dict.fromkeys(Part, 0.0) | {Part.FLOAT: 4.0}, 2, 0.01)
    cause = Cause("no_kernel", "1 of 2 convolutions runs in float: no kernel", "why", ("b",), 3.5, "fix")
    calls = Calls(4.0, 4.0, 1.0, (0.9, 1.1), 50, (4.0, 4.0))
    quantized = Parts(ms, 3, 0.01)
    whole = Why("w8a8", "d", "onnxruntime", 1, 1, "2026-01-02", rows, plain, quantized, calls, (cause,), "said")
    return replace(whole, ceiling=CEILING, runs=20)


def test_each_layer_has_a_pair_of_bars() -> None:
    """Float, and quantized with its conversions behind, each in the colour of what it is."""
    info = layer_times_info(explained(), "here")
    found = [(s.group, s.run, s.part, s.start, s.value) for s in info.segments]
    assert found == [
        ("a", "float", Part.FLOAT, 0.0, 2.0),
        ("a", "quantized", Part.INTEGER, 0.0, 0.5),
        ("b", "float", Part.FLOAT, 0.0, 2.0),
        ("b", "quantized", Part.FLOAT, 0.0, 3.0),
        ("b", "quantized", Part.CONVERT, 3.0, 0.5),
    ]
    assert info.unit == "ms"
    assert info.colours[Part.INTEGER] == backend_colour("onnxruntime")
    assert info.colours[Part.FLOAT] == FLOAT
    assert list(info.colours) == [Part.INTEGER, Part.FLOAT, Part.CONVERT]


def test_layers_by_time() -> None:
    """The dearest can come first, and of many only 40 are drawn, with the share that the others take."""
    assert layer_times_info(explained(), "here", "time").segments[0].group == "b"
    many = [layer(f"l{i}", KernelKind.INTEGER, 1.0 + i) for i in range(50)]
    info = layer_times_info(explained(*many), "here")
    assert [s.group for s in info.segments][::2] == [f"l{i}" for i in range(10, 50)]
    assert info.left_out == 10
    assert info.left_out_share == pytest.approx(sum(range(1, 11)) / sum(range(1, 51)))


def test_bars_that_nobody_could_see_are_left_out() -> None:
    """A layer that takes less than a pixel of the longest bar has none, and is counted."""
    long, short = layer("product", KernelKind.INTEGER, 5.0), layer("view", KernelKind.MOVES, 0.001, before=0.001)
    info = layer_times_info(explained(long, short), "here")
    assert {segment.group for segment in info.segments} == {"product"}
    assert info.left_out == 1


def test_parts_stand_one_behind_the_other() -> None:
    """A call's parts add up to the whole of it, in a unit that reads well."""
    info = part_times_info(explained(), "here")
    quantized = [s for s in info.segments if s.run == "quantized"]
    assert [(s.part, s.start) for s in quantized] == [(Part.INTEGER, 0.0), (Part.FLOAT, 0.5), (Part.CONVERT, 3.5)]
    assert quantized[0].detail == "12.5 % of it"
    assert (info.left_out, info.left_out_share) == (0, 0.0)


def roofline() -> RooflineInfo:
    """The roofline of the two layers."""
    info = roofline_info(explained(), "here")
    assert info is not None
    return info


def test_points_under_the_roofs() -> None:
    """Each layer has a point for each run: operations for each byte, what it reached, and the share of its limit."""
    float_a, integer_a, _, float_b = roofline().points
    assert (float_a.intensity, float_a.gops) == (pytest.approx(20), pytest.approx(10))
    assert (integer_a.kind, integer_a.intensity, integer_a.gops) == ("integer", pytest.approx(80), pytest.approx(40))
    assert integer_a.share == pytest.approx(40 / 400)
    assert (float_b.run, float_b.kind) == ("quantized", "float")
    assert [roof.name for roof in roofline().roofs if roof.gops] == ["int8, measured", "float32, measured"]
    assert roofline().low[1] < min(p.gops for p in roofline().points)
    assert roofline().high[1] > 400


def test_a_slope_ends_at_the_highest_roof() -> None:
    """Memory's line rises to where it meets the integer roof, and roofs begin where the fastest slope meets them."""
    lines = roofline_spec(roofline())["datasets"]["lines"]
    memory = [row for row in lines if row["roof"].startswith("memory")]
    assert memory[1]["x"] == pytest.approx(400 / 20)
    assert memory[1]["y"] == pytest.approx(400)
    integer = [row for row in lines if row["roof"].startswith("int8")]
    assert integer[0]["x"] == pytest.approx(max(400 / 80, roofline().low[0]))


def test_no_roofline_without_a_ceiling_or_times() -> None:
    """Where a limit or the layers' times are not known there is no chart rather than an empty one."""
    assert roofline_info(replace(explained(), ceiling=None), "here") is None
    untimed = replace(layer("a", KernelKind.INTEGER, 1.0), float_ms=None, quantized_ms=None)
    assert roofline_info(explained(untimed), "here") is None


def test_valid_vega_lite() -> None:
    """The charts are valid Vega-Lite."""
    for spec in (
        times_spec(layer_times_info(explained(), "here")),
        times_spec(part_times_info(explained(), "here")),
    ):
        altair.Chart.from_dict(spec, validate=True)
    altair.LayerChart.from_dict(roofline_spec(roofline()), validate=True)


def test_the_table_has_every_number() -> None:
    """One row for each layer; columns that nothing fills are left out; the cause is said in words."""
    rows = why_rows(explained(replace(layer("b", KernelKind.FLOAT, 3.0), cause="no_kernel")))
    assert rows[0]["gain ms"] == pytest.approx(-1.0)
    assert rows[0]["cause"] == "no kernel"
    assert rows[0]["runs in"] == "float"
    assert "conversions ms" not in rows[0]


def test_the_share_of_a_roof_is_that_of_the_lower_limit() -> None:
    """Of what caches can feed where that is less than the peak; of nothing where neither is known."""
    (_, fed, *_) = _points_with(Ceiling("A CPU", 1, "2026-01-02", 400.0, 40.0, 100.0, 20.0, 2.0))
    assert fed.share == pytest.approx(40 / (2.0 * 80))
    (first, peak, *_) = _points_with(Ceiling("A CPU", 1, "2026-01-02", 400.0, 500.0, 100.0, 20.0, None))
    assert (first.share, peak.share) == (pytest.approx(0.1), pytest.approx(40 / 500))
    (unknown, *_) = _points_with(Ceiling("A CPU", 1, "2026-01-02", 400.0, None, None, 20.0, None))
    assert unknown.share is None


def _points_with(ceiling: Ceiling) -> tuple[RoofPoint, ...]:
    info = roofline_info(replace(explained(), ceiling=ceiling), "here")
    assert info is not None
    return info.points


def test_axes_end_at_the_next_round_number_beyond_every_point_and_roof() -> None:
    """1, 2 or 5 of a decade; a point that lies on one does not lie on the edge."""
    assert roofline().low == (10.0, 5.0)
    assert roofline().high == (100.0, 500.0)
    low = replace(CEILING, int8_gops=None, int8_signed_gops=None, fp32_gflops=None)
    info = roofline_info(replace(explained(), ceiling=low), "here")
    assert info is not None
    assert info.high[1] == 50.0
    none = replace(low, memory_gb_per_s=None, cache_gb_per_s=None)
    assert roofline_info(replace(explained(), ceiling=none), "here") is None


def test_roofs_and_slopes_stay_in_the_frame() -> None:
    """A roof begins where the fastest slope meets it, its name at the right end; slopes rise to the highest roof."""
    lines = {
        (row["roof"].partition(",")[0], row["text"]): row for row in roofline_spec(roofline())["datasets"]["lines"]
    }
    named = {name: row for (name, text), row in lines.items() if text}
    assert named["int8"]["text"] == "int8, measured: 400 GOP/s"
    assert named["memory"]["text"] == "memory, measured: 20 GB/s"
    assert (named["int8"]["x"], named["int8"]["y"], named["int8"]["kind"]) == (100.0, 400.0, "roof")
    assert (named["memory"]["x"], named["memory"]["y"], named["memory"]["kind"]) == (10.0, 200.0, "slope")
    ends = {name: row for (name, text), row in lines.items() if not text}
    assert (ends["float32"]["x"], ends["float32"]["y"]) == (10.0, 100.0)
    assert ends["memory"]["x"] == pytest.approx(20.0)


def test_a_layer_says_what_it_runs_as_and_with_whom() -> None:
    """The kernel, and the layers computed with it; what is neither float nor integer is drawn as moving data."""
    row = replace(layer("a", KernelKind.MOVES, 0.5), layers=("a", "relu"))
    info = layer_times_info(explained(row, replace(row, name="b", kernel=None, layers=("b",), float_ms=None)), "here")
    assert [s.detail for s in info.segments] == ["Conv, runs as QLinearConv, with relu"] * 2 + ["Conv"]
    assert [s.part for s in info.segments] == [Part.FLOAT, Part.OTHER, Part.OTHER]
    assert (info.left_out, info.left_out_share) == (0, pytest.approx(0.0))


def test_times_in_microseconds_are_scaled_with_their_beginnings() -> None:
    """In a unit that reads well for the longest bar."""
    info = layer_times_info(explained(layer("a", KernelKind.INTEGER, 0.2, before=0.3, convert=0.1)), "here")
    assert info.unit == "µs"
    assert [s.start for s in info.segments] == pytest.approx([0.0, 0.0, 200.0])
    assert [s.value for s in info.segments] == pytest.approx([300.0, 200.0, 100.0])
    short = replace(explained(), quantized_parts=Parts(dict.fromkeys(Part, 0.1), 3, 0.01), float_parts=None)
    parts = part_times_info(short, "here").segments
    assert [s.start for s in parts] == pytest.approx([0, 100, 200, 300, 400, 500])
    assert {s.detail for s in parts} == {"16.7 % of it"}


def test_only_layers_stand_in_pairs() -> None:
    """Float above quantized under one name; the bars of whole calls are runs themselves; pieces end where they do."""
    layers, calls = times_spec(layer_times_info(explained(), "here")), times_spec(part_times_info(explained(), "here"))
    assert layers["encoding"]["yOffset"]["sort"] == ["float", "quantized"]
    assert "yOffset" not in calls["encoding"]
    assert [spec["encoding"]["tooltip"][0]["title"] for spec in (layers, calls)] == ["layer", "run"]
    assert [row["end"] - row["start"] for row in layers["datasets"]["times"]] == pytest.approx(
        [2.0, 0.5, 2.0, 3.0, 0.5]
    )
    assert layers["encoding"]["y"]["sort"] == ["a", "b"]


def test_a_layer_has_the_bars_that_were_timed() -> None:
    """One that runs in float alone, or in no float at all, has one; what it carries along is named in its title."""
    known = layer("a", KernelKind.INTEGER, 0.5)
    alone = replace(known, name="b", quantized_ms=None, kernel=None, layers=("b", "relu"))
    moved = replace(known, name="c", float_ms=None, kind=KernelKind.MOVES, convert_ms=0.0)
    untimed = replace(known, name="d", float_ms=None, quantized_ms=None)
    info = layer_times_info(explained(known, alone, moved, untimed), "here")
    assert [(s.group, s.run) for s in info.segments] == [
        *(("a", "float"), ("a", "quantized")),
        *(("b", "float"), ("c", "quantized")),
    ]
    assert [s.detail for s in info.segments if s.group in "ab"][1:] == ["Conv, runs as QLinearConv", "Conv, with relu"]
    assert [s.part for s in info.segments if s.group == "c"] == [Part.OTHER]
    assert (info.left_out, info.left_out_share) == (0, 0.0)
    assert layer_times_info(explained(untimed), "here").segments == ()


def test_bars_too_short_to_be_seen_are_left_out_with_their_share() -> None:
    """Less than a three-hundredth of the longest: a layer that takes that is drawn."""
    layers = [layer("long", KernelKind.INTEGER, 3.0, before=3.0)]
    layers += [layer(f"s{i}", KernelKind.INTEGER, took, before=took) for i, took in enumerate((0.0101, 0.0099))]
    info = layer_times_info(explained(*layers), "here")
    assert list(dict.fromkeys(s.group for s in info.segments)) == ["long", "s0"]
    assert info.left_out == 1
    assert info.left_out_share == pytest.approx(0.0099 / (3.0 + 0.0101 + 0.0099))


def test_a_call_that_was_not_profiled_has_no_bar() -> None:
    """Parts of the other stand alone, end to end, with their shares."""
    whole = explained()
    info = part_times_info(replace(whole, float_parts=None), "here")
    assert [(s.group, s.part, s.start, s.value) for s in info.segments] == [
        ("quantized", Part.INTEGER, 0.0, 0.5),
        ("quantized", Part.FLOAT, 0.5, 3.0),
        ("quantized", Part.CONVERT, 3.5, 0.5),
    ]
    assert [s.detail for s in info.segments] == ["12.5 % of it", "75.0 % of it", "12.5 % of it"]
    assert part_times_info(replace(whole, float_parts=None, quantized_parts=None), "here").segments == ()


@pytest.mark.parametrize(
    ("value", "below", "above"), [(1.0, 0.5, 2.0), (1.5, 1.0, 2.0), (2.0, 1.0, 5.0), (7.0, 5.0, 10.0), (0.3, 0.2, 0.5)]
)
def test_axes_end_at_the_next_round_number(value: float, below: float, above: float) -> None:
    """Beyond the value, never on it."""
    assert (_decade(value, -1), _decade(value, 1)) == (pytest.approx(below), pytest.approx(above))


@pytest.mark.parametrize("missing", ["float_ms", "float_bytes", "macs"])
def test_a_layer_without_work_bytes_or_time_is_no_point(missing: str) -> None:
    """Under the roofs; its share is that of the roof that holds it down."""
    known = layer("a", KernelKind.INTEGER, 0.5)
    found = roofline_info(explained(replace(known, **{missing: None})), "here")
    runs = [] if found is None else [point.run for point in found.points]
    assert runs == ([] if missing == "macs" else ["quantized"])
    whole = roofline_info(explained(known), "here")
    assert whole is not None
    first = whole.points[0]
    assert first.share == pytest.approx(first.gops / min(100.0, 80.0 * first.intensity))
