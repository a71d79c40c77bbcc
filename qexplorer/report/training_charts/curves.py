"""The two curves of a training: the loss and the metric on the samples held back, with float and the untrained state
as lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from qexplorer.core.results import Accuracy
from qexplorer.quantize.training.diaries.diary import Diary
from qexplorer.report.metric_words import axis_title, in_unit, stated
from qexplorer.report.palette import FLOAT, INTEGER, NEUTRAL, ROUNDING

__all__ = [
    "CurvePoint",
    "HeldLine",
    "curve_points",
    "epoch_axis",
    "held_lines",
    "judged_metric",
    "loss_spec",
    "metric_spec",
    "shown_epochs",
]

HEIGHT = 190
PADDING = {"left": 0, "top": 2, "right": 8, "bottom": 2}
_PTQ = "rounded only"
_ENDS = (5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One state on the samples held back.

    Attributes:
        epoch: after which.
        value: loss, or metric in its unit.
        low: of its interval; None without.
        high: of its interval.
        best: whether this is the state that is kept.
    """

    epoch: int
    value: float
    low: float | None
    high: float | None
    best: bool


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A value that stays: of the float model, or of the recipe without training."""

    name: str
    value: float
    colour: str


def judged_metric(diary: Diary, value: float, ci95: tuple[float, float] | None = None) -> Accuracy | None:
    """A value of the diary's metric with all that is known of the metric; None where there is none."""
    return None if diary.metric is None else replace(stated(diary.metric, value, diary.judged), ci95=ci95)


def curve_points(diary: Diary, *, metric: bool) -> tuple[CurvePoint, ...]:
    """The states, by the metric or by the loss; those that have no value are left out."""
    found = []
    for each in diary.epochs:
        value: float | None = each.held_back
        ends: tuple[float | None, float | None] = (None, None)
        if metric:
            told = None if each.metric is None else judged_metric(diary, each.metric, each.ci95)
            value = None if told is None or each.metric is None else in_unit(told, each.metric)
            if told is not None and told.ci95 is not None:
                ends = in_unit(told, told.ci95[0]), in_unit(told, told.ci95[1])
        if value is not None and value - value == 0:  # a number, and finite
            found.append(CurvePoint(each.number, value, *ends, best=each.number == diary.best))
    return tuple(found)


def held_lines(diary: Diary, *, metric: bool) -> tuple[HeldLine, ...]:
    """Float, and the recipe rounded without training."""
    points = curve_points(diary, metric=metric)
    value: float | None = diary.float_.loss
    if metric:
        told = None if diary.float_.metric is None else judged_metric(diary, diary.float_.metric)
        value = None if told is None or diary.float_.metric is None else in_unit(told, diary.float_.metric)
    found = [] if value is None else [HeldLine("float", value, FLOAT)]
    if points and points[0].epoch == 0:
        found.append(HeldLine(_PTQ, points[0].value, ROUNDING))
    return tuple(found)


def loss_spec(diary: Diary) -> dict[str, Any]:
    """The loss: of single steps as a faint line, and on the samples held back after each epoch."""
    y = {"type": "quantitative", "title": None, "scale": {"type": "sqrt", "zero": True, "nice": True}}
    steps = [{"epoch": each.step / diary.steps, "value": each.loss} for each in diary.moments]
    faint = {
        "data": {"name": "steps"},
        "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.55, "color": NEUTRAL},
        "encoding": {"x": epoch_axis(diary), "y": {**y, "field": "value"}},
    }
    spec = _curve(diary, "Loss", "thin: single steps; thick: samples held back", y, metric=False)
    spec["datasets"]["steps"] = steps
    spec["layer"] = [faint, *spec["layer"]]
    return spec


def metric_spec(diary: Diary) -> dict[str, Any] | None:
    """The metric on the samples held back with its 95 % interval; None where there is none."""
    first = next((each.metric for each in diary.epochs if each.metric is not None), None)
    told = None if first is None else judged_metric(diary, first)
    if told is None:
        return None
    name = axis_title(told)
    y = {"type": "quantitative", "title": None, "scale": {"zero": False}}
    subtitle = f"{diary.judged:,} samples held back; band: 95 % interval"
    return _curve(diary, name[:1].upper() + name[1:], subtitle, y, metric=True)


def _curve(diary: Diary, title: str, subtitle: str, y: dict[str, Any], *, metric: bool) -> dict[str, Any]:
    points = curve_points(diary, metric=metric)
    lines = held_lines(diary, metric=metric)
    rows = [
        {"epoch": each.epoch, "value": each.value, "low": each.low, "high": each.high, "best": each.best}
        for each in points
    ]
    end = shown_epochs(diary)
    places = (end, end * 0.62)  # names of lines that lie on each other stay apart
    held = [
        {"name": each.name, "value": each.value, "colour": each.colour, "end": end}
        for each, end in zip(lines, places, strict=False)
    ]
    x = epoch_axis(diary)
    tooltip = [
        {"field": "epoch", "title": "epoch"},
        {"field": "value", "title": title, "format": ".4~g"},
        {"field": "best", "title": "kept"},
    ]
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return {
        "title": {"text": title, "subtitle": subtitle, "anchor": "start", "fontSize": 13, "subtitleColor": NEUTRAL},
        "datasets": {"points": rows, "held": held},
        "height": HEIGHT,
        "padding": PADDING,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [
            {
                "data": {"name": "held"},
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.4},
                "encoding": {"y": {**y, "field": "value"}, "color": colour},
            },
            {
                "data": {"name": "held"},
                "mark": {"type": "text", "align": "right", "dy": -6, "dx": -2, "fontSize": 11},
                "encoding": {
                    "x": {**x, "field": "end"},
                    "y": {**y, "field": "value"},
                    "text": {"field": "name"},
                    "color": colour,
                },
            },
            {
                "data": {"name": "points"},
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "area", "opacity": 0.16, "color": INTEGER},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"name": "points"},
                "mark": {"type": "line", "strokeWidth": 2, "color": INTEGER, "point": {"size": 26, "filled": True}},
                "encoding": {"x": x, "y": {**y, "field": "value"}, "tooltip": tooltip},
            },
            {
                "data": {"name": "points"},
                "transform": [{"filter": "datum.best"}],
                "mark": {"type": "point", "size": 150, "filled": False, "strokeWidth": 2, "color": INTEGER},
                "encoding": {"x": x, "y": {**y, "field": "value"}, "tooltip": tooltip},
            },
        ],
    }


def shown_epochs(diary: Diary) -> int:
    """Where the axis of epochs ends: it grows in a few steps, so that a curve is seen from its first points on."""
    if diary.ended:
        return max(diary.trained, 1)
    return min(next((end for end in _ENDS if end > diary.trained), diary.of), diary.of)


def epoch_axis(diary: Diary) -> dict[str, Any]:
    """The axis that all curves of a training share."""
    end = shown_epochs(diary)
    return {
        "field": "epoch",
        "type": "quantitative",
        "title": "epoch",
        "scale": {"domain": [0, end], "nice": False},
        "axis": {"format": "d", "tickMinStep": 1, "grid": False, "tickCount": min(end, 10)},
    }
