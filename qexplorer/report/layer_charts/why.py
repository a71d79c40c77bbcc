"""Where the time of a run goes: each layer in float and quantized, and the parts of both calls.

Bars start at zero. Integer kernels have their backend's colour, float ones are grey, conversions and layout changes
have colours of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.why.explanation import LayerTime, Part, Parts, Why
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.comparison_charts.values import scaled_unit
from qexplorer.report.palette import CONVERTING, FLOAT, LAYOUT, MOVING, NEUTRAL, backend_colour
from qexplorer.run.protocol import KernelKind

__all__ = ["TimeSegment", "TimesInfo", "layer_times_info", "part_times_info", "times_spec"]

_MOST = 40
_SEEN = 1 / 300  # of the longest bar: less is not a pixel
_RUNS = ("float", "quantized")


@dataclass(frozen=True, slots=True)
class TimeSegment:
    """A piece of a bar.

    Attributes:
        group: the layer; for whole calls the run.
        run: ``float`` or ``quantized``.
        part: what it is, a name in the legend.
        start: where it begins, in the chart's unit.
        value: how long it is.
        detail: for hovering.
    """

    group: str
    run: str
    part: str
    start: float
    value: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TimesInfo:
    """What the chart shows.

    Attributes:
        title: what it is.
        subtitle: where and when.
        unit: of the times.
        segments: all pieces, groups in the order they are drawn in.
        colours: by part, in the legend's order.
        left_out: layers with a time that are not drawn.
        left_out_share: the share of the quantized run that these take.
    """

    title: str
    subtitle: str
    unit: str
    segments: tuple[TimeSegment, ...]
    colours: dict[str, str]
    left_out: int = 0
    left_out_share: float = 0.0


def layer_times_info(why: Why, subtitle: str, order: Literal["model", "time"] = "model") -> TimesInfo:
    """A pair of bars for each layer: float, and quantized with the conversions that carry its name behind.

    Args:
        why: an explanation with times.
        subtitle: where and when.
        order: of the model, or the dearest first. The 40 dearest are drawn, as far as their bars can be seen.
    """
    timed = [row for row in why.layers if row.float_ms is not None or row.quantized_ms is not None]
    dearest = sorted(timed, key=lambda row: -(row.whole_ms or row.float_ms or 0.0))
    least = _SEEN * max((_longest(row) for row in timed), default=0.0)
    drawn = [row for row in dearest[:_MOST] if _longest(row) >= least]
    kept = drawn if order == "time" else [row for row in timed if row in drawn]
    unit, factor = scaled_unit("ms", [_longest(row) for row in kept])
    segments = tuple(piece for row in kept for piece in _layer(row, factor))
    whole = sum(row.whole_ms or 0.0 for row in timed)
    share = 1 - sum(row.whole_ms or 0.0 for row in drawn) / whole if whole else 0.0
    colours = _colours(why.backend)
    used = {piece.part for piece in segments}
    return TimesInfo(
        "Time of each layer, float and quantized",
        subtitle,
        unit,
        segments,
        {part: colour for part, colour in colours.items() if part in used},
        len(timed) - len(kept),
        share,
    )


def _longest(row: LayerTime) -> float:
    return max(row.whole_ms or 0.0, row.float_ms or 0.0)


def _layer(row: LayerTime, factor: float) -> list[TimeSegment]:
    found = []
    title = f"{row.op}, runs as {row.kernel}" if row.kernel else row.op
    if len(row.layers) > 1:
        title += f", with {', '.join(name for name in row.layers if name != row.name)}"
    if row.float_ms is not None:
        found.append(TimeSegment(row.name, "float", Part.FLOAT, 0.0, row.float_ms * factor, title))
    if row.quantized_ms is not None:
        part = {KernelKind.INTEGER: Part.INTEGER, KernelKind.FLOAT: Part.FLOAT}.get(
            row.kind or KernelKind.MOVES, Part.OTHER
        )
        found.append(TimeSegment(row.name, "quantized", part, 0.0, row.quantized_ms * factor, title))
        if row.convert_ms:
            begin = row.quantized_ms * factor
            found.append(TimeSegment(row.name, "quantized", Part.CONVERT, begin, row.convert_ms * factor, title))
    return found


def part_times_info(why: Why, subtitle: str) -> TimesInfo:
    """One bar for the float call and one for the quantized one, each made of its parts."""
    runs = [(name, parts) for name, parts in zip(_RUNS, (why.float_parts, why.quantized_parts), strict=True) if parts]
    unit, factor = scaled_unit("ms", [parts.whole_ms for _, parts in runs])
    segments = tuple(piece for name, parts in runs for piece in _parts(name, parts, factor))
    used = {piece.part for piece in segments}
    colours = {part: colour for part, colour in _colours(why.backend).items() if part in used}
    return TimesInfo("Where the time of one call goes", subtitle, unit, segments, colours)


def _parts(name: str, parts: Parts, factor: float) -> list[TimeSegment]:
    found, begin = [], 0.0
    for part in Part:
        value = parts.ms.get(part, 0.0) * factor
        if value > 0:
            found.append(
                TimeSegment(name, name, part, begin, value, f"{percent_text(value / factor / parts.whole_ms, 1)} of it")
            )
            begin += value
    return found


def _colours(backend: str) -> dict[str, str]:
    return {
        Part.INTEGER: backend_colour(backend),
        Part.FLOAT: FLOAT,
        Part.CONVERT: CONVERTING,
        Part.LAYOUT: LAYOUT,
        Part.OTHER: MOVING,
        Part.OUTSIDE: f"{NEUTRAL}55",  # half there: no kernel, a difference of two measurements
    }


def times_spec(info: TimesInfo) -> dict[str, Any]:
    """A Vega-Lite chart of horizontal bars, float above quantized in each group."""
    groups = list(dict.fromkeys(piece.group for piece in info.segments))
    pairs = any(piece.group != piece.run for piece in info.segments)
    y: dict[str, Any] = {"field": "group", "type": "nominal", "sort": groups, "title": None}
    y["axis"] = {"labelLimit": 200, "labelOverlap": False, "ticks": False, "domain": False}
    x = {"field": "start", "type": "quantitative", "title": f"time ({info.unit})", "scale": {"zero": True}}
    encoding: dict[str, Any] = {
        "y": y,
        "x": x,
        "x2": {"field": "end"},
        "color": {
            "field": "part",
            "type": "nominal",
            "scale": {"domain": list(info.colours), "range": list(info.colours.values())},
            "legend": {"title": None, "orient": "top", "columns": 2, "labelLimit": 190},
        },
        "tooltip": [
            {"field": "group", "title": "layer" if pairs else "run"},
            {"field": "run", "title": "run"},
            {"field": "part", "title": "what"},
            {"field": "value", "title": f"time ({info.unit})", "format": ",.4~g"},
            {"field": "detail", "title": "detail"},
        ],
    }
    if pairs:
        encoding["yOffset"] = {"field": "run", "sort": list(_RUNS), "scale": {"paddingInner": 0.1}}
    rows = [
        {"group": s.group, "run": s.run, "part": s.part, "start": s.start, "end": s.start + s.value}
        | {"value": s.value, "detail": s.detail}
        for s in info.segments
    ]
    frame = chart_frame(info.title, info.subtitle, 0)
    frame["title"]["offset"] = 8
    return frame | {
        "height": {"step": 9 if pairs else 30},
        "datasets": {"times": rows},
        "data": {"name": "times"},
        "mark": {"type": "bar", "cornerRadiusEnd": 1},
        "encoding": encoding,
    }
