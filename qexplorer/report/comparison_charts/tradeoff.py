"""The task's metric against what it costs, every run at its true place with its intervals: typed data, then a chart.

Colours: float grey, each backend its own hue. Estimated or noisy values are hollow with a dashed outline. Costs
start at zero; there is one y axis, with the metric's own unit: better is up, or down where lower is better, which its
title says. A model without a metric that means anything gets bars of its costs instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qexplorer.core.results import Run
from qexplorer.report.comparison_charts.values import (
    MEASURES,
    Value,
    axis_end,
    label_of,
    made_on,
    scaled_unit,
    title_of,
    value_of,
)
from qexplorer.report.metric_words import axis_title, drawn, in_unit, metric_of
from qexplorer.report.palette import FLOAT, NEUTRAL, backend_colour

if TYPE_CHECKING:
    import altair

    from qexplorer.measure.comparison import Comparison

__all__ = ["TradeInfo", "TradePoint", "accuracy_against", "has_accuracy", "trade_info", "trade_spec"]

HEIGHTS = (-12, 16, -25, 29)  # where a point's label may stand, in pixels below it
PLOT = (215.0, 140.0)  # pixels of the plot, about: enough to tell which labels would touch
LETTER = (6.6, 13.0)  # pixels of a letter of a label, about
NEAR = 24.0  # pixels within which two points of one recipe share a label
DOT = 5.0  # pixels from a point's middle to its edge


@dataclass(frozen=True, slots=True)
class TradePoint:
    """One run in the plane.

    Attributes:
        label: recipe, and the backend where there are several.
        backend: its name.
        is_float: whether it is the float model.
        cost: what it costs, in the chart's unit, with its interval if it has one.
        accuracy: the metric in its own unit (per cent of 100 for a share) with its interval.
        n: samples behind it.
        text: what stands at the point: the recipe, as its colour tells the backend; nothing where several backends lie
            so close that it could not be read.
        dy: pixels that its label stands below it, so that labels do not lie over each other.
        align: which end of its label stands at it, so that none runs out of the plot.
    """

    label: str
    backend: str
    is_float: bool
    cost: Value
    accuracy: Value
    n: int
    text: str
    dy: int = HEIGHTS[0]
    align: str = "center"


@dataclass(frozen=True, slots=True)
class TradeInfo:
    """What the chart shows.

    Attributes:
        title: both quantities.
        subtitle: model, machine and date.
        x_title: the cost and its unit.
        y_title: the metric and its unit.
        points: runs that have both numbers.
        left_out: runs that are not drawn, with the reason.
        highest: the metric's upper end in its unit, beyond which the axis does not go; None without one.
        form: how the metric is written.
    """

    title: str
    subtitle: str
    x_title: str
    y_title: str
    points: tuple[TradePoint, ...]
    left_out: tuple[tuple[str, str], ...]
    highest: float | None = 100.0
    form: str = ".1f"


def has_accuracy(comparison: Comparison) -> bool:
    """Whether any run has a value of the metric to show; never for an untrained model."""
    return any(run.accuracy is not None and run.accuracy.value is not None for run in comparison.runs)


def trade_info(comparison: Comparison, measure: str) -> TradeInfo:
    """The points of the metric against ``measure`` (a key of ``MEASURES``). Raises KeyError for another."""
    chosen = MEASURES[measure]
    shown: list[tuple[Run, Value]] = []
    left_out: list[tuple[str, str]] = []
    for run in comparison.runs:
        value, reason = value_of(run, measure, comparison.runs)
        if value is not None and run.accuracy is not None and run.accuracy.value is not None:
            shown.append((run, value))
        else:
            fallback = run.accuracy.reason if run.accuracy else None
            left_out.append((label_of(run, comparison.runs), reason or fallback or "not measured"))
    unit, factor = scaled_unit(chosen.unit, [value.value for _, value in shown])
    points = _with_labels([_point(run, value.times(factor), comparison.runs) for run, value in shown])
    metric, against = metric_of(comparison.runs), chosen.title.partition(" per ")[0]
    x_title = f"{chosen.title} ({unit})"
    if metric is None:
        return TradeInfo(f"Answers against {against}", made_on(comparison), x_title, "", points, tuple(left_out), None)
    title = f"{metric.label[:1].upper()}{metric.label[1:]} against {against}"
    y_title = axis_title(metric) + ("" if metric.direction == "higher" else ", lower is better")
    top = None if metric.bounds[1] is None else in_unit(metric, metric.bounds[1])
    return TradeInfo(title, made_on(comparison), x_title, y_title, points, tuple(left_out), top, metric.form)


def _point(run: Run, cost: Value, runs: Sequence[Run]) -> TradePoint:
    found = run.accuracy
    assert found is not None
    text = label_of(run, [other for other in runs if other.backend == run.backend])
    return TradePoint(label_of(run, runs), run.backend, run.recipe == "float", cost, drawn(found), found.n, text)


def _with_labels(points: list[TradePoint]) -> tuple[TradePoint, ...]:
    """Gives each label the first place where it touches no other point and no label placed before.

    Of several backends, whose points lie close together, a label is left out that finds no such place, or whose text
    stands beside a point nearby already.
    """
    if not points:
        return ()
    several = len({point.backend for point in points}) > 1
    places = _places(points)
    dots = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in places]
    taken: list[tuple[float, float, float, float]] = []
    named: list[tuple[str, float, float]] = []
    placed: list[TradePoint] = []
    for point, (x, y), own in zip(points, places, dots, strict=True):
        width, half = LETTER[0] * len(point.text), LETTER[1] / 2
        align = "left" if x < width / 2 else "right" if x > PLOT[0] - width / 2 else "center"
        left = x - {"left": 0.0, "center": width / 2, "right": width}[align]
        choices = [(left, y + dy - half, left + width, y + dy + half) for dy in HEIGHTS]
        obstacles = taken + [dot for dot in dots if dot is not own]
        touched = [sum(_touch(choice, box) for box in obstacles) for choice in choices]
        best = min(range(len(HEIGHTS)), key=lambda i: (touched[i], i))
        near = any(text == point.text and abs(x - u) < NEAR and abs(y - v) < NEAR for text, u, v in named)
        if several and (near or touched[best]):
            placed.append(replace(point, text="", align=align))
            continue
        taken.append(choices[best])
        named.append((point.text, x, y))
        placed.append(replace(point, dy=HEIGHTS[best], align=align))
    return tuple(placed)


def _places(points: list[TradePoint]) -> list[tuple[float, float]]:
    """Where the points are, in pixels from the plot's upper left corner."""
    most = axis_end([p.cost for p in points])
    ends = [e for p in points for e in p.accuracy.ends]
    high, span = max(ends), (max(ends) - min(ends)) or 1.0
    return [(PLOT[0] * p.cost.value / most, PLOT[1] * (high - p.accuracy.value) / span) for p in points]


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (left, top, right, bottom) lie over each other."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def trade_spec(info: TradeInfo, *, height: int = 280) -> dict[str, Any]:
    """A Vega-Lite chart: points, intervals both ways, labels beside them; x from zero."""
    ends = [e for p in info.points for e in p.accuracy.ends] or [0.0, 1.0]
    pad = max(0.08 * (max(ends) - min(ends)), 0.004 * max(abs(end) for end in ends))
    top = max(ends) if info.highest is None else min(info.highest, max(ends))
    y = {"type": "quantitative", "scale": {"domain": [min(ends) - pad, top + pad], "nice": False}}
    last = axis_end([p.cost for p in info.points])
    x: dict[str, Any] = {"type": "quantitative", "scale": {"zero": True, "domain": [0, last], "nice": False}}
    at = {
        "x": {"field": "cost", "title": info.x_title, **x},
        "y": {"field": "accuracy", "title": info.y_title, "axis": {"tickCount": 5}, **y},
    }
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return {
        "title": title_of(info.title, info.subtitle),
        "datasets": {"runs": [_row(p, last) for p in info.points]},
        "data": {"name": "runs"},
        "height": height,
        "layer": [
            _interval("x", "cost_low", "cost_shown", at, colour),
            _going_on(at, colour),
            _interval("y", "accuracy_low", "accuracy_high", at, colour),
            _dots(False, at, colour, info.form),
            _dots(True, at, colour, info.form),
            *(_labels(dy, align, at) for dy, align in dict.fromkeys((p.dy, p.align) for p in info.points)),
        ],
    }


def _row(p: TradePoint, last: float) -> dict[str, Any]:
    return {
        "run": p.label,
        "text": p.text,
        "cost": p.cost.value,
        "cost_low": p.cost.low,
        "cost_high": p.cost.high,
        "cost_shown": None if p.cost.high is None else min(p.cost.high, last),
        "on": p.cost.high is not None and p.cost.high > last,
        "accuracy": p.accuracy.value,
        "accuracy_low": p.accuracy.low,
        "accuracy_high": p.accuracy.high,
        "n": p.n,
        "uncertain": p.cost.uncertain,
        "note": p.cost.note,
        "dy": p.dy,
        "align": p.align,
        "colour": FLOAT if p.is_float else backend_colour(p.backend),
    }


def _interval(axis: str, low: str, high: str, at: dict[str, Any], colour: dict[str, Any]) -> dict[str, Any]:
    across = "y" if axis == "x" else "x"
    ends = {axis: at[axis] | {"field": low}, f"{axis}2": {"field": high}, across: at[across]}
    shown = {"filter": f"isValid(datum.{low}) && isValid(datum.{high})"}
    return {"transform": [shown], "mark": {"type": "rule", "opacity": 0.75}, "encoding": ends | {"color": colour}}


def _going_on(at: dict[str, Any], colour: dict[str, Any]) -> dict[str, Any]:
    """An arrow where the interval of a cost goes on beyond the axis."""
    mark = {"type": "point", "shape": "triangle-right", "size": 60, "filled": True, "opacity": 1}
    where = {"x": at["x"] | {"field": "cost_shown"}, "y": at["y"], "color": colour}
    return {"transform": [{"filter": "datum.on"}], "mark": mark, "encoding": where}


def _dots(uncertain: bool, at: dict[str, Any], colour: dict[str, Any], form: str) -> dict[str, Any]:
    mark: dict[str, Any] = {"type": "point", "size": 110, "strokeWidth": 2, "opacity": 1}
    mark |= {"fill": "transparent", "strokeDash": [3, 2]} if uncertain else {"filled": True}
    tooltip = [
        {"field": "run", "title": "run"},
        {"field": "accuracy", "title": at["y"]["title"], "format": _finer(form)},
        {"field": "n", "title": "samples"},
        {"field": "cost", "title": at["x"]["title"], "format": ".4g"},
        {"field": "note", "title": "note"},
    ]
    where = {"filter": f"datum.uncertain === {'true' if uncertain else 'false'}"}
    return {"transform": [where], "mark": mark, "encoding": at | {"color": colour, "tooltip": tooltip}}


def _finer(form: str) -> str:
    """One digit more, for who looks closer."""
    digits, kind = form[1:-1], form[-1:]
    return f".{int(digits) + 1}{kind}" if digits.isdigit() else form


def _labels(dy: int, align: str, at: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "text", "dy": dy, "align": align, "fontSize": 12, "color": NEUTRAL, "fontWeight": 600}
    where = {"filter": f"datum.dy === {dy} && datum.align === '{align}'"}
    return {"transform": [where], "mark": mark, "encoding": at | {"text": {"field": "text"}}}


def accuracy_against(comparison: Comparison, measure: str) -> altair.LayerChart:
    """The task's metric against ``file_bytes``, ``weight_bytes``, ``latency_ms`` or ``energy_mj``, as an Altair chart.

    For an untrained model, whose answers mean nothing, the bars of the cost alone.
    """
    import altair

    if has_accuracy(comparison):
        spec = trade_spec(trade_info(comparison, measure))
    else:
        from qexplorer.report.comparison_charts.bars import bars_spec, cost_info

        spec = bars_spec(cost_info(comparison, measure))
    found: altair.LayerChart = altair.LayerChart.from_dict({**spec, "width": 420})
    return found
