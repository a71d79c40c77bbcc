"""Bars of a comparison, one row for each run: costs, latency percentiles, throughput by batch, kernels that ran.

Bars start at zero and carry their intervals; an estimated or noisy one is hatched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qexplorer.core.foreign.media import in_expression
from qexplorer.core.results import Latency, Run, Throughput
from qexplorer.core.words.numbers import number_text
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
from qexplorer.report.palette import FLOAT, NEUTRAL, backend_colour

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Comparison

__all__ = ["BarRow", "BarsInfo", "bars_spec", "cost_info", "kernels_info", "latency_info", "throughput_info"]

_TAIL = 4  # times the largest median: what takes longer was held up by something else, and is told, not drawn to scale
_HALF_A_LINE = 6  # pixels by which names in two lines begin higher, recipe over backend
STRIPES = 70  # on a bar as long as the axis
_FADES = (1.0, 0.62, 0.36, 0.25)  # opacities of a run's first, second, ... bar


@dataclass(frozen=True, slots=True)
class BarRow:
    """One bar: the run's label, which of the run's bars it is, its value with interval, colour, hover text, and what
    stands behind it if not its value to three digits."""

    label: str
    series: str
    value: Value
    colour: str
    detail: str = ""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class BarsInfo:
    """What the chart shows.

    Attributes:
        title: the quantity.
        subtitle: model, machine and date.
        x_title: the quantity and its unit.
        series: names of each run's bars, in order.
        rows: the bars, in the order of the runs.
        stacked: whether a run's bars stand one after the other and add up.
        left_out: runs without a number, with the reason.
        most: where the axis ends at most, so that a few wild bars do not press the others to the left; a bar that is
            longer is drawn as going on, with its value. None for no such end.
    """

    title: str
    subtitle: str
    x_title: str
    series: tuple[str, ...]
    rows: tuple[BarRow, ...]
    stacked: bool
    left_out: tuple[tuple[str, str], ...]
    most: float | None = None


def cost_info(comparison: Comparison, measure: str) -> BarsInfo:
    """One bar for each run: what it costs by ``measure`` (a key of ``MEASURES``)."""
    chosen = MEASURES[measure]
    rows, left_out = [], []
    for run in comparison.runs:
        value, reason = value_of(run, measure, comparison.runs)
        label = label_of(run, comparison.runs)
        if value is None:
            left_out.append((label, reason or "not measured"))
        else:
            rows.append(BarRow(label, chosen.title, value, _colour(run), value.note))
    return _info(comparison, chosen.title.capitalize(), chosen.title, chosen.unit, (chosen.title,), rows, left_out)


def latency_info(comparison: Comparison) -> BarsInfo:
    """Three bars for each run: median, 90th and 99th percentile of one call, each with its interval if it has one."""
    rows, left_out = [], []
    for run in comparison.runs:
        label, found = label_of(run, comparison.runs), run.latency_ms
        if found is None or found.p50 is None:
            left_out.append((label, run.reason or (found.reason if found else None) or "latency was not measured"))
            continue
        rows += [
            BarRow(label, name, value, _colour(run), f"{found.n} calls, batch {found.batch}, {found.threads} thread")
            for name, value in _percentiles(found)
        ]
    series = ("p50", "p90", "p99")
    info = _info(comparison, "Latency of one call", "latency", "ms", series, rows, left_out)
    medians = [row.value.value for row in info.rows if row.series == "p50"]
    return replace(info, most=_TAIL * max(medians)) if medians else info


def _percentiles(found: Latency) -> list[tuple[str, Value]]:
    note = "" if found.valid else found.reason or "noisy"
    values = (("p50", found.p50, found.ci95), ("p90", found.p90, found.p90_ci95), ("p99", found.p99, found.p99_ci95))
    bars: list[tuple[str, Value]] = []
    for name, value, ends in values:
        if value is not None:
            low, high = ends or (None, None)
            bars.append((name, Value(value, low, high, note)))
    return bars


def throughput_info(comparison: Comparison) -> BarsInfo:
    """A bar for each run and batch size: samples a second."""
    rows, left_out = [], []
    for run in comparison.runs:
        label = label_of(run, comparison.runs)
        if not run.throughput_by_batch:
            left_out.append((label, run.reason or "throughput was not measured"))
        rows += [
            BarRow(label, f"batch {batch}", _rate(rate), _colour(run))
            for batch, rate in sorted(run.throughput_by_batch.items())
        ]
    batches = sorted({batch for run in comparison.runs for batch in run.throughput_by_batch})
    series = tuple(f"batch {batch}" for batch in batches)
    return _info(comparison, "Throughput by batch size", "throughput", "samples/s", series, rows, left_out)


def _rate(found: Throughput) -> Value:
    low, high = found.ci95 or (None, None)
    return Value(found.value, low, high, "" if found.valid else found.reason or "noisy")


def kernels_info(comparison: Comparison) -> BarsInfo:
    """The kernels that really ran, integer and float, counted from the backend's own optimized graph."""
    rows, left_out = [], []
    for run in comparison.runs:
        label = label_of(run, comparison.runs)
        if run.kernels is None:
            left_out.append((label, run.reason or "the backend does not say"))
            continue
        for series, counts, colour in (
            ("integer", run.kernels.integer, backend_colour(run.backend)),
            ("float", run.kernels.float, FLOAT),
        ):
            detail = ", ".join(f"{op} {count}" for op, count in sorted(counts.items(), key=lambda item: -item[1]))
            number = sum(counts.values())
            rows.append(BarRow(label, series, Value(float(number)), colour, detail, str(number)))
    both = ("integer", "float")
    return BarsInfo("Kernels that ran", made_on(comparison), "kernels", both, tuple(rows), True, tuple(left_out))


def _info(
    comparison: Comparison,
    title: str,
    quantity: str,
    unit: str,
    series: tuple[str, ...],
    rows: list[BarRow],
    left_out: list[tuple[str, str]],
) -> BarsInfo:
    shown, factor = scaled_unit(unit, [row.value.value for row in rows])
    scaled = tuple(BarRow(r.label, r.series, r.value.times(factor), r.colour, r.detail, r.text) for r in rows)
    return BarsInfo(title, made_on(comparison), f"{quantity} ({shown})", series, scaled, False, tuple(left_out))


def _colour(run: Run) -> str:
    return FLOAT if run.recipe == "float" else backend_colour(run.backend)


def bars_spec(info: BarsInfo) -> dict[str, Any]:
    """A Vega-Lite chart of horizontal bars from zero, a group of ``info.series`` for each run, intervals drawn."""
    several = len(info.series) > 1 and not info.stacked
    y: dict[str, Any] = {"field": "run", "type": "nominal", "sort": None, "title": None}
    y["axis"] = {"labelExpr": "split(datum.label, ', ')", "labelLimit": 200, "ticks": False, "domain": False}
    y["axis"]["labelOffset"] = -_HALF_A_LINE if any(", " in row.label for row in info.rows) else 0
    at: dict[str, Any] = {"y": y}
    if several:
        at["yOffset"] = {"field": "series", "sort": list(info.series)}
    scale: dict[str, Any] = {"zero": True} if info.stacked else {"domain": [0, _end(info)], "nice": False}
    bar_x = {"field": "start", "type": "quantitative", "title": info.x_title, "scale": scale}
    solid = list(dict.fromkeys(row.colour for row in info.rows if not row.value.uncertain))
    marks = [_solid(colour, at, bar_x, info) for colour in solid]
    longest = min(max((row.value.value for row in info.rows), default=1.0) or 1.0, _end(info))
    marks += [_hatched(row, longest, at, bar_x, info) for row in info.rows if row.value.uncertain]
    return {
        "title": title_of(info.title, info.subtitle),
        "datasets": {"bars": _rows(info)},
        "data": {"name": "bars"},
        "height": {"step": 15 if several else 30},
        "layer": [*marks, _interval(at, bar_x), *([] if info.stacked else _beyond(at, bar_x, info))],
    }


def _end(info: BarsInfo) -> float:
    end = axis_end([row.value for row in info.rows])
    return end if info.most is None else min(end, info.most)


def _rows(info: BarsInfo) -> list[dict[str, Any]]:
    """The bars as data; a stacked one starts where the one before it ended."""
    ends: dict[str, float] = {}
    rows, last = [], _end(info)
    for row in info.rows:
        start = ends.get(row.label, 0.0) if info.stacked else 0.0
        ends[row.label] = start + row.value.value
        rows.append(
            {
                "run": row.label,
                "series": row.series,
                "value": row.value.value,
                "start": start,
                "end": ends[row.label] if info.stacked else min(row.value.value, last),
                "low": row.value.low,
                "high": row.value.high,
                "from": None if row.value.low is None else min(row.value.low, last),
                "shown": min(max(row.value.value, row.value.high or 0.0), last),
                "on": max(row.value.value, row.value.high or 0.0) > last,
                "uncertain": row.value.uncertain,
                "note": row.value.note,
                "detail": row.detail,
                "colour": row.colour,
                "text": number_text(row.value.value) if row.text is None else row.text,
            }
        )
    return rows


def _solid(colour: str, at: dict[str, Any], x: dict[str, Any], info: BarsInfo) -> dict[str, Any]:
    mark = {"type": "bar", "cornerRadiusEnd": 2, "color": colour}
    where = f"datum.colour === '{colour}' && !datum.uncertain"
    return {"transform": [{"filter": where}], "mark": mark, "encoding": _encoding(at, x, info)}


def _hatched(row: BarRow, longest: float, at: dict[str, Any], x: dict[str, Any], info: BarsInfo) -> dict[str, Any]:
    """One uncertain bar, striped: a gradient with hard edges, as Vega-Lite has no patterns."""
    count = max(2, round(STRIPES * min(row.value.value / longest, 1.0)))
    stops: list[dict[str, Any]] = []
    for i in range(count):
        shade = row.colour if i % 2 == 0 else f"{row.colour}2a"
        stops += [{"offset": i / count, "color": shade}, {"offset": (i + 1) / count, "color": shade}]
    stripes = {"gradient": "linear", "x1": 0, "y1": 0, "x2": 1, "y2": 0, "stops": stops}
    mark = {"type": "bar", "cornerRadiusEnd": 2, "color": stripes, "stroke": row.colour, "strokeWidth": 1}
    where = (
        f"datum.uncertain && datum.run === {in_expression(row.label)} && datum.series === {in_expression(row.series)}"
    )
    return {"transform": [{"filter": where}], "mark": mark, "encoding": _encoding(at, x, info)}


def _encoding(at: dict[str, Any], x: dict[str, Any], info: BarsInfo) -> dict[str, Any]:
    tooltip: list[dict[str, Any]] = [
        {"field": "run", "title": "run"},
        {"field": "series", "title": "what"},
        {"field": "value", "title": info.x_title, "format": ",.4~g"},
        {"field": "low", "title": "95 % from", "format": ",.4~g"},
        {"field": "high", "title": "to", "format": ",.4~g"},
        {"field": "detail", "title": "detail"},
        {"field": "note", "title": "note"},
    ]
    encoding = at | {"x": x, "x2": {"field": "end"}, "tooltip": tooltip}
    if not info.stacked and len(info.series) > 1:
        fades = [_FADES[min(i, len(_FADES) - 1)] for i in range(len(info.series))]
        legend = {"title": None, "orient": "top", "symbolType": "square", "symbolFillColor": NEUTRAL}
        scale = {"domain": list(info.series), "range": fades}
        encoding["opacity"] = {"field": "series", "type": "nominal", "scale": scale, "legend": legend}
    return encoding


def _interval(at: dict[str, Any], x: dict[str, Any]) -> dict[str, Any]:
    shown = {"filter": "isValid(datum.low) && isValid(datum.high)"}
    ends = {"x": x | {"field": "from"}, "x2": {"field": "shown"}}
    return {"transform": [shown], "mark": {"type": "rule", "strokeWidth": 2, "color": NEUTRAL}, "encoding": at | ends}


def _beyond(at: dict[str, Any], x: dict[str, Any], info: BarsInfo) -> list[dict[str, Any]]:
    """An arrow where a bar or its interval goes on beyond the axis, and the values' labels."""
    arrow = {"type": "point", "shape": "triangle-right", "size": 60, "filled": True, "opacity": 1, "color": NEUTRAL}
    on = {"transform": [{"filter": "datum.on"}], "mark": arrow, "encoding": at | {"x": x | {"field": "shown"}}}
    return [on, _value_labels(at, x, info)]


def _value_labels(at: dict[str, Any], x: dict[str, Any], info: BarsInfo) -> dict[str, Any]:
    size = 11 if len(info.series) == 1 else 10
    mark = {"type": "text", "align": "left", "dx": 6, "fontSize": size, "color": NEUTRAL}
    place = {"calculate": "isValid(datum.high) ? datum.shown : datum.end", "as": "edge"}
    return {
        "transform": [place],
        "mark": mark,
        "encoding": at | {"x": x | {"field": "edge"}, "text": {"field": "text"}},
    }
