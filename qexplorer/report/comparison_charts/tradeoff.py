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
from qexplorer.report.comparison_charts.labels import HEIGHT, LabelPlace, Marked, places_of
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

_LETTERS = 20  # of a name at its point
NEAR = 0.1  # share of the plot within which two points of one recipe share a label


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
        text: what stands at the point: the recipe, as its colour tells the backend; nothing where no place for it is
            free, or where it stands beside a point nearby already.
        place: where that stands, as shares of the plot; None without it.
    """

    label: str
    backend: str
    is_float: bool
    cost: Value
    accuracy: Value
    n: int
    text: str
    place: LabelPlace | None = None


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

    @property
    def x_domain(self) -> tuple[float, float]:
        """Costs start at zero."""
        return 0.0, axis_end([p.cost for p in self.points])

    @property
    def y_domain(self) -> tuple[float, float]:
        """The metric's, with the intervals inside."""
        ends = [end for p in self.points for end in p.accuracy.ends] or [0.0, 1.0]
        pad = max(0.08 * (max(ends) - min(ends)), 0.004 * max(abs(end) for end in ends)) or 1.0
        top = max(ends) if self.highest is None else min(self.highest, max(ends))
        return min(ends) - pad, top + pad


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
    points = tuple(_point(run, value.times(factor), comparison.runs) for run, value in shown)
    metric, against = metric_of(comparison.runs), chosen.title.partition(" per ")[0]
    x_title = f"{chosen.title} ({unit})"
    if metric is None:
        title = f"Answers against {against}"
        return _with_labels(TradeInfo(title, made_on(comparison), x_title, "", points, tuple(left_out), None))
    title = f"{metric.label[:1].upper()}{metric.label[1:]} against {against}"
    y_title = axis_title(metric) + ("" if metric.direction == "higher" else ", lower is better")
    top = None if metric.bounds[1] is None else in_unit(metric, metric.bounds[1])
    found = TradeInfo(title, made_on(comparison), x_title, y_title, points, tuple(left_out), top, metric.form)
    return _with_labels(found)


def _point(run: Run, cost: Value, runs: Sequence[Run]) -> TradePoint:
    found = run.accuracy
    assert found is not None
    text = label_of(run, [other for other in runs if other.backend == run.backend])
    return TradePoint(label_of(run, runs), run.backend, run.recipe == "float", cost, drawn(found), found.n, _cut(text))


def _cut(text: str) -> str:
    """A name that has room in the narrowest plot: of a long one its beginning and its end."""
    if len(text) <= _LETTERS:
        return text
    return f"{text[: _LETTERS // 2].rstrip()}…{text[-(_LETTERS // 2 - 1) :].lstrip()}"


def _with_labels(info: TradeInfo) -> TradeInfo:
    """Gives each label a place of its own; of several backends' points that lie close together one has the name."""
    marked = [_marked(point, info) for point in info.points]
    several = len({point.backend for point in info.points}) > 1
    named: list[Marked] = []
    for i, mark in enumerate(marked):
        if several and any(_near(mark, other) for other in named):
            marked[i] = replace(mark, text="")
        else:
            named.append(mark)
    placed = zip(info.points, marked, places_of(marked), strict=True)
    points = tuple(replace(p, text=mark.text if place else "", place=place) for p, mark, place in placed)
    return replace(info, points=points)


def _near(one: Marked, other: Marked) -> bool:
    return one.text == other.text and abs(one.x - other.x) < NEAR and abs(one.y - other.y) < NEAR


def _marked(point: TradePoint, info: TradeInfo) -> Marked:
    def share(at: float, domain: tuple[float, float]) -> float:
        return (at - domain[0]) / (domain[1] - domain[0])

    def ends(value: Value, domain: tuple[float, float]) -> tuple[float, float] | None:
        known = value.low is not None and value.high is not None
        return (share(value.ends[0], domain), min(share(value.ends[-1], domain), 1.0)) if known else None

    x, y = share(point.cost.value, info.x_domain), share(point.accuracy.value, info.y_domain)
    return Marked(point.text, x, y, ends(point.cost, info.x_domain), ends(point.accuracy, info.y_domain))


def trade_spec(info: TradeInfo) -> dict[str, Any]:
    """A Vega-Lite chart: points, intervals both ways, labels beside them; x from zero."""
    y = {"type": "quantitative", "scale": {"domain": list(info.y_domain), "nice": False}}
    x: dict[str, Any] = {"type": "quantitative", "scale": {"domain": list(info.x_domain), "nice": False}}
    at = {
        "x": {"field": "cost", "title": info.x_title, "axis": {"tickCount": 5, "gridOpacity": 0.4}, **x},
        "y": {"field": "accuracy", "title": info.y_title, "axis": {"tickCount": 5, "gridOpacity": 0.4}, **y},
    }
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return {
        "title": title_of(info.title, info.subtitle),
        "datasets": {"runs": [_row(p, info) for p in info.points]},
        "data": {"name": "runs"},
        "height": HEIGHT,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [
            _leads(at, colour),
            _interval("x", "cost_low", "cost_shown", at, colour),
            _going_on(at, colour),
            _interval("y", "accuracy_low", "accuracy_high", at, colour),
            _dots(False, at, colour, info.form),
            _dots(True, at, colour, info.form),
            *(_labels(align, at) for align in ("left", "right")),
        ],
    }


def _row(p: TradePoint, info: TradeInfo) -> dict[str, Any]:
    def at(share: float, domain: tuple[float, float]) -> float:
        return domain[0] + share * (domain[1] - domain[0])

    return {
        "run": p.label,
        "text": p.text,
        "cost": p.cost.value,
        "cost_low": p.cost.low,
        "cost_high": p.cost.high,
        "cost_shown": None if p.cost.high is None else min(p.cost.high, info.x_domain[1]),
        "on": p.cost.high is not None and p.cost.high > info.x_domain[1],
        "accuracy": p.accuracy.value,
        "accuracy_low": p.accuracy.low,
        "accuracy_high": p.accuracy.high,
        "n": p.n,
        "uncertain": p.cost.uncertain,
        "note": p.cost.note,
        "label_x": None if p.place is None else at(p.place.x, info.x_domain),
        "label_y": None if p.place is None else at(p.place.y, info.y_domain),
        "align": "" if p.place is None else p.place.align,
        "led": p.place is not None and p.place.led,
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


def _labels(align: str, at: dict[str, Any]) -> dict[str, Any]:
    dx = 3 if align == "left" else -3
    mark = {"type": "text", "dx": dx, "align": align, "fontSize": 12, "color": NEUTRAL, "fontWeight": 600}
    where = {"filter": f"datum.align === '{align}'"}
    place = {axis: {**at[axis], "field": f"label_{axis}"} for axis in ("x", "y")}
    return {"transform": [where], "mark": mark, "encoding": place | {"text": {"field": "text"}}}


def _leads(at: dict[str, Any], colour: dict[str, Any]) -> dict[str, Any]:
    """Thin lines from points to labels that stand apart from them."""
    mark = {"type": "rule", "strokeWidth": 1, "opacity": 0.6}
    ends = {"x2": {"field": "label_x"}, "y2": {"field": "label_y"}}
    return {"transform": [{"filter": "datum.led"}], "mark": mark, "encoding": at | ends | {"color": colour}}


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
