"""The Vega-Lite chart of a histogram under a grid.

The specification depends only on what is rarely changed (title, linear or logarithmic axes); everything that a
control changes travels as data in named sets, so that the browser redraws without building the chart anew.
"""

from __future__ import annotations

import math
from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, GRID, NEUTRAL, TENSOR
from qexplorer.report.tensor_charts.histogram import Bar, HistogramInfo

__all__ = ["histogram_spec"]

_HEIGHT = 330  # with title and axes, so that a full screen keeps them
_COMB = 16
_BASE = 0.7  # where bars start on a logarithmic axis: below one count
_PAD = 0.015
_NOTHING = None  # a row without a place: not drawn, and the set keeps its columns


def histogram_spec(info: HistogramInfo) -> dict[str, Any]:
    """The chart: bars, level rules or comb, thick clip lines, zero point, values outside tinted."""
    x = _x_axis(info)
    return {
        **chart_frame(info.title, info.subtitle, _HEIGHT),
        "autosize": {"type": "fit", "contains": "padding"},
        "datasets": _datasets(info),
        "layer": [_zones(x), _bar_layer(info.log, x), _rules(x), _comb(x), _clip_lines(x), *_marks(x)],
        "config": {"axis": {"labelOverlap": True}},
    }


def _datasets(info: HistogramInfo) -> dict[str, list[dict[str, Any]]]:
    low, high = info.view
    pad = _PAD * (high - low) if info.bend is None else 0.0
    ends = (low - pad, high + pad)
    zones: list[dict[str, Any]] = [{"from": ends[0], "to": ends[0]}, {"from": ends[1], "to": ends[1]}]
    clips: list[dict[str, Any]] = []
    zero: list[dict[str, Any]] = []
    if info.clip is not None:
        zones = [{"from": ends[0], "to": info.clip[0]}, {"from": info.clip[1], "to": ends[1]}]
        clips = [
            {"x": x, "text": f"{x:.4g}", "side": side} for x, side in zip(info.clip, ("left", "right"), strict=True)
        ]
    if info.zero_code is not None:
        zero = [{"x": 0.0, "text": info.zero_text}]
    return {
        "bars": [_bar_row(bar, info.log) for bar in info.bars],
        "rules": [{"x": x} for x in info.rules] or [{"x": _NOTHING}],
        "comb": [{"x": x} for x in info.comb] or [{"x": _NOTHING}],
        "zones": zones,
        "clips": clips or [{"x": _NOTHING, "text": "", "side": "left"}],
        "zero": zero or [{"x": _NOTHING, "text": ""}],
    }


def _bar_row(bar: Bar, log: bool) -> dict[str, Any]:
    return {
        "index": bar.index,
        "from": bar.low,
        "to": bar.high,
        "count": bar.count,
        "top": max(bar.count, _BASE) if log else bar.count,
        "bin": f"{bar.low:.4g} to {bar.high:.4g}",
        "share": bar.share,
        "where": "outside" if bar.outside else "inside",
        "codes": bar.codes or "no grid",
        "error": 0.0 if bar.error_rms is None else bar.error_rms,
    }


def _x_axis(info: HistogramInfo) -> dict[str, Any]:
    scale: dict[str, Any] = {"zero": False, "nice": False}
    axis: dict[str, Any] = {"grid": False, "format": ".6~g", "labelFlush": True}
    if info.bend is not None:
        scale |= {"type": "symlog", "constant": info.bend}
        axis["values"] = _powers_of_ten(info)
    return {"field": "x", "type": "quantitative", "title": "value", "scale": scale, "axis": axis}


def _powers_of_ten(info: HistogramInfo) -> list[float]:
    """Ticks of a bent axis: zero and the powers of ten of both signs that the bars reach."""
    assert info.bend is not None
    low, high = info.bars[0].low, info.bars[-1].high
    first, last = math.ceil(math.log10(info.bend)), math.floor(math.log10(max(-low, high)))
    powers = [10.0**k for k in range(first, last + 1)]
    return [x for x in (*(-p for p in reversed(powers)), 0.0, *powers) if low <= x <= high]


def _zones(x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"name": "zones"},
        "mark": {"type": "rect", "color": CLIPPING, "opacity": 0.09},
        "encoding": {"x": x | {"field": "from"}, "x2": {"field": "to"}},
    }


def _bar_layer(log: bool, x: dict[str, Any]) -> dict[str, Any]:
    scale: dict[str, Any] = {"type": "log", "domainMin": _BASE, "nice": False} if log else {"zero": True}
    axis = {"format": "~s", "tickCount": 5, "grid": not log}  # a logarithmic grid would be ruled densely
    tooltip = [
        {"field": "bin", "title": "bin"},
        {"field": "count", "title": "values", "format": ","},
        {"field": "share", "title": "share", "format": ".3%"},
        {"field": "codes", "title": "code"},
        {"field": "error", "title": "error (rms)", "format": ".3g"},
    ]
    return {
        "data": {"name": "bars"},
        "params": [{"name": "bar", "select": {"type": "point", "fields": ["index"], "clear": "dblclick"}}],
        "mark": {"type": "rect", "cursor": "pointer", "fillOpacity": 0.65},
        "encoding": {
            "x": x | {"field": "from"},
            "x2": {"field": "to"},
            "y": {"field": "top", "type": "quantitative", "title": "number of values", "scale": scale, "axis": axis},
            "y2": {"datum": _BASE if log else 0},
            "color": {
                "field": "where",
                "type": "nominal",
                "scale": {"domain": ["inside", "outside"], "range": [TENSOR, CLIPPING]},
                "legend": None,
            },
            "opacity": {"condition": {"param": "bar", "value": 1}, "value": 0.35},
            "tooltip": tooltip,
        },
    }


def _rules(x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"name": "rules"},
        "mark": {"type": "rule", "color": GRID, "strokeWidth": 1, "opacity": 0.9, "tooltip": None},
        "encoding": {"x": x},
    }


def _comb(x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"name": "comb"},
        "mark": {"type": "rule", "color": GRID, "strokeWidth": 1, "opacity": 0.9},
        "encoding": {"x": x, "y": {"value": "height"}, "y2": {"value": {"expr": f"height - {_COMB}"}}},
    }


def _clip_lines(x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"name": "clips"},
        "mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 3},
        "encoding": {"x": x},
    }


def _marks(x: dict[str, Any]) -> list[dict[str, Any]]:
    """Words and the mark of the zero point: they say what the lines are."""
    zero = {
        "data": {"name": "zero"},
        "mark": {"type": "point", "shape": "triangle-down", "filled": True, "size": 70, "color": NEUTRAL, "opacity": 1},
        "encoding": {"x": x, "y": {"value": 4}},
    }
    label = {
        "data": {"name": "zero"},
        "mark": {"type": "text", "dy": -22, "fontSize": 11, "color": NEUTRAL},
        "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text"}},
    }
    ends = [
        {
            "data": {"name": "clips"},
            "transform": [{"filter": f"datum.side == '{side}'"}],
            "mark": {"type": "text", "dy": -9, "fontSize": 11, "fontWeight": 600, "color": CLIPPING, "align": align},
            "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text"}},
        }
        for side, align in (("left", "left"), ("right", "right"))
    ]
    return [zero, label, *ends]
