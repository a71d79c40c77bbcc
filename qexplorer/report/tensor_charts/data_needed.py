"""Error, range and metric of each calibrator over the number of calibration samples, as bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import NEUTRAL

if TYPE_CHECKING:
    from qexplorer.measure.data_needed.needed_types import Band, DataNeeded

__all__ = ["NeededRow", "data_needed_info", "data_needed_spec"]

_HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, which colour-blind people tell apart; a dash for each beside."""

_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 1], [1, 3])
_WHATS = {"error": "Mean squared error", "high": "Upper end of the range", "low": "Lower end of the range"}


@dataclass(frozen=True, slots=True)
class NeededRow:
    """One calibrator after so many samples, as drawn: mean, least and largest of the draws."""

    calibrator: str
    samples: int
    mean: float
    low: float
    high: float
    enough: bool


def data_needed_info(found: DataNeeded, what: str) -> tuple[NeededRow, ...]:
    """The rows of a picture of ``error``, ``low``, ``high`` or ``metric``; none where that has no value."""
    rows = []
    for point in found.points:
        band: Band | None = getattr(point, what)
        if band is not None:
            last = found.enough.get(point.calibrator) == point.samples
            rows.append(NeededRow(point.calibrator, point.samples, band.mean, band.low, band.high, last))
    return tuple(rows)


def data_needed_spec(found: DataNeeded, what: str, *, titles: dict[str, str], subtitle: str) -> dict[str, Any]:
    """A Vega-Lite chart: a line and a band for each calibrator, a dot where more samples no longer help.

    Args:
        found: what was measured.
        what: ``error``, ``low``, ``high`` or ``metric``.
        titles: what to call each calibrator.
        subtitle: by what, where and when it was made.
    """
    rows = data_needed_info(found, what)
    names = list(dict.fromkeys(titles.get(row.calibrator, row.calibrator) for row in rows))
    values = [
        {
            "name": titles.get(row.calibrator, row.calibrator),
            "samples": row.samples,
            "mean": row.mean,
            "low": row.low,
            "high": row.high,
            "enough": row.enough,
        }
        for row in rows
    ]
    title = _WHATS.get(what) or f"{(found.metric or '').capitalize()}, simulated"
    x = {
        "field": "samples",
        "type": "quantitative",
        "title": "calibration samples",
        "scale": {"type": "log", "base": 2},
    }
    x |= {"axis": {"values": sorted({row.samples for row in rows}), "format": "d", "grid": False}}
    scale = {"type": "log", "nice": False} if what == "error" and all(row.low > 0 for row in rows) else {"zero": False}
    axis = {"gridOpacity": 0.4} | ({"format": "~e", "tickCount": 5} if what == "error" else {})
    y = {"type": "quantitative", "title": title, "scale": scale, "axis": axis}
    colour = {"field": "name", "type": "nominal", "scale": {"domain": names, "range": list(_HUES[: len(names)])}}
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolOpacity": 1, "columns": 2}
    legend |= {"symbolSize": 250, "symbolStrokeWidth": 2}
    colour |= {"legend": legend}
    dash: dict[str, Any] = {
        "field": "name",
        "type": "nominal",
        "scale": {"domain": names, "range": list(_DASHES[: len(names)])},
    }
    dash |= {"legend": legend}
    tips = [
        {"field": "name", "title": "calibrator"},
        {"field": "samples", "title": "samples"},
        {"field": "mean", "title": "mean", "format": ".4g"},
        {"field": "low", "title": "least draw", "format": ".4g"},
        {"field": "high", "title": "largest draw", "format": ".4g"},
    ]
    band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    line = {"x": x, "y": {**y, "field": "mean"}, "color": colour}
    larger = {"condition": {"test": "datum.enough", "value": 90}, "value": 18}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "area", "opacity": 0.15}, "encoding": band},
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": line | {"strokeDash": dash}},
        {
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "encoding": line | {"tooltip": tips, "size": larger},
        },
    ]
    if what == "metric" and found.float_metric is not None:
        layers += _float_line(found.float_metric, y)
    frame = chart_frame(f"{title} of '{found.tensor}'" if what != "metric" else title, subtitle, 220)
    return frame | {"data": {"values": values}, "layer": layers}


def _float_line(metric: float, y: dict[str, Any]) -> list[dict[str, Any]]:
    """The float model's metric, over the whole width."""
    data = {"values": [{"float": metric, "text": f"float {metric:.4g}"}]}
    at = {"y": {**y, "field": "float"}}
    text = {"type": "text", "align": "right", "baseline": "bottom", "dy": -3, "x": "width", "color": NEUTRAL}
    return [
        {"data": data, "mark": {"type": "rule", "strokeDash": [4, 4], "color": NEUTRAL}, "encoding": at},
        {"data": data, "mark": text, "encoding": at | {"text": {"field": "text"}}},
    ]
