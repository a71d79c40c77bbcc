"""The evidence of one diagnosis: reaches of channels, inputs or layers as bars, or values under their grid."""

from __future__ import annotations

import math
from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, GRID, TENSOR
from qexplorer.search.repair.repair_types import Diagnosis, EvidenceBars

__all__ = ["evidence_rows", "evidence_spec"]

_STEP, _HEIGHT = 18, 180


def evidence_rows(shown: EvidenceBars) -> list[dict[str, Any]]:
    """A row for each bar; those that make the fault are marked."""
    ends = shown.edges or (0.0,) * (len(shown.bars) + 1)
    return [
        {
            "place": place,
            "name": shown.names[place] if shown.names else "",
            "size": size,
            "low": ends[place],
            "high": ends[place + 1],
            "marked": place in shown.marked,
        }
        for place, size in enumerate(shown.bars)
    ]


def evidence_spec(diagnosis: Diagnosis) -> dict[str, Any]:
    """The chart.

    Raises:
        ValueError: nothing of this diagnosis is drawn.
    """
    shown = diagnosis.shown
    if shown is None:
        raise ValueError(f"the evidence of '{diagnosis.fault}' is its sentence alone")
    layers = _histogram(shown) if shown.edges else _columns(shown) if shown.of == "channel" else _rows(shown)
    rows = 1 + len(shown.bars)
    return {
        **chart_frame(shown.title, "", _HEIGHT if shown.edges or shown.of == "channel" else _STEP * rows),
        "datasets": {"bars": evidence_rows(shown), "lines": [{"at": at} for at in shown.lines]},
        "data": {"name": "bars"},
        "layer": layers,
        "config": {"axis": {"gridColor": GRID, "gridOpacity": 0.2}},
    }


_COLOUR = {"condition": {"test": "datum.marked", "value": CLIPPING}, "value": TENSOR}


def _size(shown: EvidenceBars, **more: Any) -> dict[str, Any]:
    return {"field": "size", "type": "quantitative", "title": shown.size, **more}


def _tips(shown: EvidenceBars, *fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [*fields, {"field": "size", "title": shown.size, "format": ".4~g"}]


def _histogram(shown: EvidenceBars) -> list[dict[str, Any]]:
    """Counts on an axis that shows single values beside millions, and the ends of the grid."""
    x = {"field": "low", "type": "quantitative", "title": shown.of, "scale": {"zero": False, "nice": False}}
    tens = [10.0**power for power in range(int(math.log10(max(1.0, *shown.bars))) + 1)]
    axis = {"values": [0.0, *tens], "labelExpr": "format(datum.value, '~s')"}
    y = _size(shown, scale={"type": "symlog"}, axis=axis)
    tips = _tips(shown, {"field": "low", "title": "from", "format": ".3~g"}, {"field": "high", "title": "to"})
    bars = {
        "mark": "rect",
        "encoding": {"x": x, "x2": {"field": "high"}, "y": y, "y2": {"datum": 0}, "color": _COLOUR, "tooltip": tips},
    }
    return [bars, *_lines("x")] if shown.lines else [bars]


def _columns(shown: EvidenceBars) -> list[dict[str, Any]]:
    x = {"field": "place", "type": "ordinal", "title": "channel", "axis": {"labels": False, "ticks": False}}
    tips = _tips(shown, {"field": "name", "title": "channel"})
    return [{"mark": "bar", "encoding": {"x": x, "y": _size(shown), "color": _COLOUR, "tooltip": tips}}]


def _rows(shown: EvidenceBars) -> list[dict[str, Any]]:
    axis = {"labelLimit": 150, "labelOverlap": False, "ticks": False, "domain": False}
    y = {"field": "name", "type": "nominal", "sort": {"field": "place"}, "title": None, "axis": axis}
    tips = _tips(shown, {"field": "name", "title": shown.of})
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {"y": y, "x": _size(shown), "color": _COLOUR, "tooltip": tips},
    }
    return [bars, *_lines("x")] if shown.lines else [bars]


def _lines(channel: str) -> list[dict[str, Any]]:
    mark = {"type": "rule", "color": GRID, "strokeDash": [4, 3], "strokeWidth": 1.5}
    at = {"field": "at", "type": "quantitative"}
    return [{"data": {"name": "lines"}, "mark": mark, "encoding": {channel: at}}]
