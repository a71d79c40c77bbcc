"""Charts and table of an explanation: what is drawn, from numbers made up by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import altair
import pytest

from qexplorer.machine.ceiling import Ceiling
from qexplorer.measure.why.explanation import Calls, Cause, LayerTime, Part, Parts, Why
from qexplorer.report.layer_charts.roofline import RooflineInfo, roofline_info, roofline_spec
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
