"""The front of loss against size: predicted hollow and dashed, measured filled with its interval."""

from __future__ import annotations

from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.mix_charts.mix_words import loss_unit
from qexplorer.report.palette import CLIPPING, FLOAT, GRID, INTEGER
from qexplorer.search.mixing.mix_types import MixPoint, MixReport

__all__ = ["front_rows", "front_spec"]

_FLOOR = 1e-9


def front_rows(report: MixReport) -> dict[str, list[dict[str, Any]]]:
    """The chart's data: ``predicted`` and ``measured``, sizes in percent of int8's weights."""
    whole = max(report.int8_bytes, 1)
    predicted = [
        {"size": 100 * p.weight_bytes / whole, "loss": max(p.predicted_loss, _FLOOR), "order": i}
        for i, p in enumerate(report.front)
    ]
    measured = []
    for place, mix in enumerate(report.verified):
        low, high = mix.found.ci95 or (mix.found.loss, mix.found.loss)
        measured.append(
            {
                "size": 100 * mix.weight_bytes / whole,
                "loss": max(mix.found.loss, _FLOOR),
                "low": max(low, _FLOOR),
                "high": max(high, _FLOOR),
                "kind": "chosen" if place == report.chosen else "measured",
                "name": mix.recipe_name,
            }
        )
    return {"predicted": predicted, "measured": measured}


def front_spec(report: MixReport, now: MixPoint | None = None, *, budget: float | None = None) -> dict[str, Any]:
    """The chart.

    Args:
        report: what was found so far.
        now: the exact mix at the budget of a slider.
        budget: of the slider, in percent of int8's weights.
    """
    whole = max(report.int8_bytes, 1)
    rows = front_rows(report)
    x: dict[str, Any] = {"type": "quantitative", "title": "weights, % of int8's bytes", "axis": {"grid": False}}
    x["scale"] = {"zero": False, "nice": True}
    y: dict[str, Any] = {"type": "quantitative", "title": loss_unit(report), "axis": {"format": ".0e", "tickCount": 5}}
    y["scale"] = {"type": "log", "nice": True}
    at = {"x": x | {"field": "size"}, "y": y | {"field": "loss"}}
    tips = [
        {"field": "size", "title": "% of int8's weights", "format": ".1f"},
        {"field": "loss", "title": "loss", "format": ".3g"},
    ]
    here = [] if now is None else [{"size": 100 * now.weight_bytes / whole, "loss": max(now.predicted_loss, _FLOOR)}]
    colour = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["measured", "chosen"], "range": [INTEGER, CLIPPING]},
        "legend": {"orient": "top"} if rows["measured"] else None,
    }
    return {
        **chart_frame("Predicted dashed, measured filled", "", 270),
        "datasets": {**rows, "here": here, "budget": [] if budget is None else [{"size": budget}]},
        "layer": [
            {
                "data": {"name": "predicted"},
                "mark": {"type": "line", "color": FLOAT, "strokeDash": [5, 4], "clip": True},
                "encoding": at | {"order": {"field": "order", "type": "quantitative"}},
            },
            {
                "data": {"name": "predicted"},
                "mark": {"type": "point", "filled": False, "color": FLOAT, "size": 28},
                "encoding": at | {"tooltip": tips},
            },
            {
                "data": {"name": "budget"},
                "mark": {"type": "rule", "color": GRID, "strokeDash": [2, 3]},
                "encoding": {"x": x | {"field": "size"}},
            },
            {
                "data": {"name": "here"},
                "mark": {"type": "point", "filled": False, "color": CLIPPING, "size": 160, "strokeWidth": 2.5},
                "encoding": at | {"tooltip": tips},
            },
            {
                "data": {"name": "measured"},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": x | {"field": "size"},
                    "y": y | {"field": "low"},
                    "y2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "data": {"name": "measured"},
                "mark": {"type": "point", "filled": True, "size": 100, "opacity": 1},
                "encoding": at | {"color": colour, "tooltip": [{"field": "name"}, *tips]},
            },
        ],
    }
