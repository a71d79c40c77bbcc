"""Layers under this machine's roofs: operations for each byte against operations a second, both axes logarithmic.

A roof is a measured peak of arithmetic; the slopes are measured speeds of memory and of a core's own caches. A layer
well below its roof and its slope is limited by something else: its kernel, its shape, or what goes on around it.
(Williams, Waterman and Patterson 2009)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qexplorer.machine.ceiling import Ceiling
from qexplorer.measure.why.explanation import LayerTime, Why
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import FLOAT, NEUTRAL, backend_colour
from qexplorer.run.protocol import KernelKind

__all__ = ["Roof", "RoofPoint", "RooflineInfo", "roofline_info", "roofline_spec"]

_HEIGHT = 340


@dataclass(frozen=True, slots=True)
class Roof:
    """A limit: ``gops`` of arithmetic (a flat roof), or ``gb_per_s`` (a slope); exactly one of them."""

    name: str
    colour: str
    gops: float | None = None
    gb_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class RoofPoint:
    """A layer in one run.

    Attributes:
        layer: its name.
        run: ``float`` or ``quantized``.
        kind: ``integer`` or ``float``: what its kernel works on.
        intensity: operations for each byte that it reads and writes.
        gops: giga-operations a second that it reached.
        ms: what it takes.
        share: of the roof above it that it reached (the lower of its roof and memory's slope).
    """

    layer: str
    run: str
    kind: str
    intensity: float
    gops: float
    ms: float
    share: float | None


@dataclass(frozen=True, slots=True)
class RooflineInfo:
    """What the chart shows.

    Attributes:
        title: what it is.
        subtitle: where and when.
        backend: whose colour integer kernels have.
        roofs: the measured limits.
        points: layers that multiply, with times, in both runs.
        low: smallest intensity and rate drawn.
        high: largest intensity and rate drawn.
    """

    title: str
    subtitle: str
    backend: str
    roofs: tuple[Roof, ...]
    points: tuple[RoofPoint, ...]
    low: tuple[float, float]
    high: tuple[float, float]


def roofline_info(why: Why, subtitle: str) -> RooflineInfo | None:
    """The chart's content, or None without a ceiling or without layers that multiply and have a time."""
    if why.ceiling is None:
        return None
    points = [point for row in why.layers for point in _points(why, row)]
    roofs = _roofs(why.ceiling, backend_colour(why.backend))
    if not points or not roofs:
        return None
    x = [point.intensity for point in points]
    y = [point.gops for point in points] + [roof.gops for roof in roofs if roof.gops]
    low, high = (_decade(min(x), -1), _decade(min(y), -1)), (_decade(max(x), 1), _decade(max(y), 1))
    return RooflineInfo("Layers under this machine's roofs", subtitle, why.backend, roofs, tuple(points), low, high)


def _decade(value: float, towards: int) -> float:
    """The next of 1, 2, 5, 10, ... beyond ``value``, so that nothing lies on the edge."""
    base = 10.0 ** math.floor(math.log10(value))
    steps = [base * factor for factor in (0.5, 1, 2, 5, 10, 20)]
    return max(s for s in steps if s < value) if towards < 0 else min(s for s in steps if s > value)


def _roofs(ceiling: Ceiling, integer: str) -> tuple[Roof, ...]:
    found = [
        Roof("int8, measured", integer, gops=ceiling.best_int8_gops),
        Roof("float32, measured", FLOAT, gops=ceiling.fp32_gflops),
        Roof("memory, measured", NEUTRAL, gb_per_s=ceiling.memory_gb_per_s),
        Roof("cache, measured", NEUTRAL, gb_per_s=ceiling.cache_gb_per_s),
    ]
    return tuple(roof for roof in found if roof.gops or roof.gb_per_s)


def _points(why: Why, row: LayerTime) -> list[RoofPoint]:
    assert why.ceiling is not None
    kind = "integer" if row.kind is KernelKind.INTEGER else "float"
    runs = (
        ("float", "float", row.float_intensity, row.float_gops, row.float_ms),
        ("quantized", kind, row.quantized_intensity, row.quantized_gops, row.quantized_ms),
    )
    found = []
    for run, what, intensity, gops, ms in runs:
        if intensity and gops and ms:
            share = _share(why.ceiling, what, intensity, gops)
            found.append(RoofPoint(row.name, run, what, intensity, gops, ms, share))
    return found


def _share(ceiling: Ceiling, kind: str, intensity: float, gops: float) -> float | None:
    peak = ceiling.best_int8_gops if kind == "integer" else ceiling.fp32_gflops
    fed = None if ceiling.cache_gb_per_s is None else ceiling.cache_gb_per_s * intensity
    limits = [limit for limit in (peak, fed) if limit]
    return gops / min(limits) if limits else None


def roofline_spec(info: RooflineInfo) -> dict[str, Any]:
    """A Vega-Lite chart: roofs as lines with their names at the right, layers as points to hover."""
    lines = [row for roof in info.roofs for row in _line(roof, info)]
    x_domain, y_domain = [info.low[0], info.high[0]], [info.low[1], info.high[1]]
    x: dict[str, Any] = {"field": "x", "type": "quantitative", "title": "operations per byte"}
    x["scale"] = {"type": "log", "domain": x_domain, "nice": False}
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": "giga-operations per second"}
    y["scale"] = {"type": "log", "domain": y_domain, "nice": False}
    axis = {"grid": True, "gridOpacity": 0.25, "format": ".6~g", "tickCount": 6}
    at = {"x": x | {"axis": axis}, "y": y | {"axis": axis}}
    frame = chart_frame(info.title, info.subtitle, _HEIGHT)
    frame["title"]["offset"] = 8
    return frame | {
        "datasets": {"lines": lines, "points": [_row(point) for point in info.points]},
        "layer": [_lines(at), _names(at), _marks(at, info)],
    }


def _line(roof: Roof, info: RooflineInfo) -> list[dict[str, Any]]:
    """Two ends of a roof within the frame; a roof begins where memory's fastest slope reaches it."""
    (x0, y0), (x1, y1) = info.low, info.high
    if roof.gops is not None:
        fastest = max((other.gb_per_s for other in info.roofs if other.gb_per_s), default=None)
        begin = x0 if fastest is None else min(max(x0, roof.gops / fastest), x1)
        return [_end(roof, begin, roof.gops, ""), _end(roof, x1, roof.gops, f"{roof.name}: {roof.gops:.0f} GOP/s")]
    speed = roof.gb_per_s or 0.0
    highest = max((other.gops for other in info.roofs if other.gops), default=y1)
    top = min(x1, highest / speed)
    bottom = min(max(x0, y0 / speed), top)
    return [_end(roof, bottom, bottom * speed, f"{roof.name}: {speed:.0f} GB/s"), _end(roof, top, top * speed, "")]


def _end(roof: Roof, x: float, y: float, text: str) -> dict[str, Any]:
    kind = "roof" if roof.gops is not None else "slope"
    return {"x": x, "y": y, "roof": roof.name, "colour": roof.colour, "text": text, "kind": kind}


def _lines(at: dict[str, Any]) -> dict[str, Any]:
    colour = {"field": "colour", "type": "nominal", "scale": None}
    detail = {"field": "roof", "type": "nominal"}
    return {
        "data": {"name": "lines"},
        "mark": {"type": "line", "strokeWidth": 2, "clip": True},
        "encoding": at | {"color": colour, "detail": detail},
    }


def _names(at: dict[str, Any]) -> dict[str, Any]:
    """Names of roofs above their right end, of slopes at their lower end."""
    layers = []
    for kind, align, baseline, dx, dy in (("roof", "right", "bottom", -4, -4), ("slope", "left", "top", 10, 2)):
        mark = {"type": "text", "align": align, "baseline": baseline, "dx": dx, "dy": dy, "fontSize": 11}
        mark |= {"color": NEUTRAL}
        transform = [{"filter": f"datum.kind === '{kind}' && datum.text !== ''"}]
        layers.append({"transform": transform, "mark": mark, "encoding": at | {"text": {"field": "text"}}})
    return {"data": {"name": "lines"}, "layer": layers}


def _marks(at: dict[str, Any], info: RooflineInfo) -> dict[str, Any]:
    """Float runs grey; the quantized run filled with the backend's colour where integer, an outline where float."""
    names = ["float model", "quantized, integer kernel", "quantized, float kernel"]
    integer = backend_colour(info.backend)
    used = [name for name in names if any(_what(point) == name for point in info.points)]
    hues = {"float model": FLOAT, "quantized, integer kernel": integer, "quantized, float kernel": integer}
    fills = {"float model": FLOAT, "quantized, integer kernel": integer, "quantized, float kernel": "transparent"}
    legend = {"title": None, "orient": "top", "labelLimit": 240, "columns": 2}
    encoding = at | {
        "stroke": _scale("what", used, [hues[name] for name in used], legend),
        "fill": _scale("what", used, [fills[name] for name in used], legend),
        "size": {"field": "ms", "type": "quantitative", "scale": {"range": [25, 260], "zero": True}, "legend": None},
        "tooltip": [
            {"field": "layer", "title": "layer"},
            {"field": "what", "title": "run"},
            {"field": "x", "title": "operations per byte", "format": ",.3~g"},
            {"field": "y", "title": "GOP/s reached", "format": ",.3~g"},
            {"field": "share", "title": "of what its roof allows", "format": ".0%"},
            {"field": "ms", "title": "time (ms)", "format": ",.3~g"},
        ],
    }
    return {
        "data": {"name": "points"},
        "mark": {"type": "point", "strokeWidth": 1.5, "opacity": 0.85},
        "encoding": encoding,
    }


def _scale(field: str, domain: list[str], colours: list[str], legend: dict[str, Any]) -> dict[str, Any]:
    scale = {"domain": domain, "range": colours}
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def _what(point: RoofPoint) -> str:
    return "float model" if point.run == "float" else f"quantized, {point.kind} kernel"


def _row(point: RoofPoint) -> dict[str, Any]:
    return {
        "layer": point.layer,
        "what": _what(point),
        "x": point.intensity,
        "y": point.gops,
        "ms": point.ms,
        "share": point.share,
    }
