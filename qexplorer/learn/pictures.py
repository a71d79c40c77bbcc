"""Pictures that several lessons draw: values under a grid, bars of one number each, lines over one control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Grid
from qexplorer.learn.lesson import ChartPicture
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import GRID
from qexplorer.report.tensor_charts.channels import channel_info, channel_spec
from qexplorer.report.tensor_charts.histogram import bar_edges, histogram_info
from qexplorer.report.tensor_charts.histogram_plot import histogram_spec

__all__ = ["bars", "channel_ranges", "curves", "values_under"]

_BARS = 140
_UNDER = "Bars: how many values there are. Thin lines: the levels. Thick lines: the ends of the grid."
_RANGES = "Bars: from the least to the largest value of a channel. Marks: the ends of its grid."


def values_under(stats: TensorStats, grid: Grid, title: str, *, height: int = 190, log: bool = True) -> ChartPicture:
    """The histogram of a tensor with the levels of a per-tensor grid over it."""
    histogram = stats.histogram
    edges = bar_edges(histogram.minimum, histogram.maximum, _BARS)
    below = histogram.bins.below(edges[1:-1])
    counts = np.round(np.diff(np.concatenate([[0.0], below, [float(histogram.count)]])))
    spec = {**histogram_spec(histogram_info(title, counts, edges, grid, log=log)), "height": height}
    return ChartPicture(spec, _UNDER)


def channel_ranges(
    rows: NDArray[np.float32], grid: Grid, *, own: bool = False, reads: str = _RANGES, height: int = 190
) -> ChartPicture:
    """A bar from the least to the largest value of each channel, and the ends of its grid.

    Args:
        rows: channels as rows.
        grid: of all of them.
        own: whether they are a model's channels, in the order of its file.
        reads: how to read it.
        height: in pixels.
    """
    spec = channel_spec(channel_info("Range of each channel, and of its grid", rows.min(1), rows.max(1), grid))
    spec = spec if own else _renamed(spec, "channels, in the file's order", "channels")
    return ChartPicture({**spec, "height": height}, reads)


def _renamed(part: Any, old: str, new: str) -> Any:
    """A specification in which one title is another."""
    if isinstance(part, dict):
        return {key: _renamed(value, old, new) if key != "datasets" else value for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value, old, new) for value in part]
    return new if part == old else part


def bars(
    title: str,
    rows: Sequence[tuple[str, float, str]],
    *,
    axis: str,
    names: Mapping[str, str],
    reads: str,
    height: int = 190,
    lying: bool = False,
    stacked: bool = False,
    late: bool = False,
) -> ChartPicture:
    """One bar from zero for each row.

    Args:
        title: of the chart.
        rows: name, value, kind.
        axis: what the values are, with the unit.
        names: kind to colour, in the order of the legend; one kind has none.
        reads: how to read it.
        height: in pixels.
        lying: bars go to the right, which leaves room for long names.
        stacked: rows with the same name are parts of one bar.
        late: drawn only after the question is answered.
    """
    data = [{"name": name, "value": value, "kind": kind} for name, value, kind in rows]
    colour: dict[str, Any] = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(names), "range": list(names.values())},
        "legend": {"orient": "top"} if len(names) > 1 else None,
    }
    y = {"field": "value", "type": "quantitative", "title": axis, "stack": "zero" if stacked else False}
    x: dict[str, Any] = {"field": "name", "type": "nominal", "sort": None, "title": None}
    x["axis"] = {"labelLimit": 260} if lying else {"labelAngle": 0, "labelLimit": 120, "labelOverlap": True}
    if lying:
        x, y = y, x
    tips = [{"field": "name"}, {"field": "kind"}, {"field": "value", "title": axis, "format": ".4g"}]
    return ChartPicture(
        {
            **chart_frame(title, "", height),
            "datasets": {"rows": data},
            "data": {"name": "rows"},
            "mark": {"type": "bar"},
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": tips},
        },
        reads,
        late,
    )


def curves(
    title: str,
    rows: Sequence[tuple[float, float, str]],
    *,
    x: str,
    y: str,
    names: Mapping[str, str],
    reads: str,
    log: bool = False,
    now: float | None = None,
    height: int = 190,
    late: bool = False,
) -> ChartPicture:
    """Lines over one control, and a rule where it stands.

    Args:
        title: of the chart.
        rows: x, y and kind of each point.
        x: title of the horizontal axis.
        y: title of the vertical axis.
        names: kind to colour.
        reads: how to read it.
        log: logarithmic ``y``; zeros must not be among them.
        now: where the control stands.
        height: in pixels.
        late: drawn only after the question is answered.
    """
    axis: dict[str, Any] = {"field": "x", "type": "quantitative", "title": x, "axis": {"grid": False, "tickCount": 6}}
    axis["scale"] = {"zero": False, "nice": False}
    if all(float(a).is_integer() for a, _, _ in rows):
        axis["axis"] |= {"tickMinStep": 1, "format": "d"}
    up: dict[str, Any] = {"field": "y", "type": "quantitative", "title": y, "axis": {"tickCount": 4, "format": ".3~g"}}
    up["scale"] = {"type": "log"} if log else {"zero": True}
    colour = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(names), "range": list(names.values())},
        "legend": {"orient": "top"} if len(names) > 1 else None,
    }
    tips = [{"field": "kind"}, {"field": "x", "title": x, "format": ".3g"}, {"field": "y", "title": y, "format": ".3g"}]
    line = {
        "data": {"name": "lines"},
        "mark": {"type": "line", "strokeWidth": 2.5, "clip": True},
        "encoding": {"x": axis, "y": up, "color": colour, "tooltip": tips},
    }
    rule = {
        "data": {"name": "now"},
        "mark": {"type": "rule", "color": GRID, "strokeDash": [4, 3]},
        "encoding": {"x": axis},
    }
    return ChartPicture(
        {
            **chart_frame(title, "", height),
            "datasets": {
                "lines": [{"x": a, "y": b, "kind": kind} for a, b, kind in rows],
                "now": [] if now is None else [{"x": now}],
            },
            "layer": [line, rule],
        },
        reads,
        late,
    )
