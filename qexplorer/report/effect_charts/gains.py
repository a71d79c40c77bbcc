"""Errors of layers' outputs before and after an algorithm: two points a layer, joined, those that gained most first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.measure.effects.effect_types import AlgorithmEffect
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.effect_charts.effect_table import sorted_layers
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, NEUTRAL

__all__ = ["GainRow", "gain_info", "gain_spec"]

_MOST = 40
_STEP = 17  # pixels of a layer
_AFTER = {"better": INTEGER, "worse": CLIPPING}


@dataclass(frozen=True, slots=True)
class GainRow:
    """One layer: its place in the chart, and the SQNR of its output before and after, in dB."""

    place: int
    layer: str
    op: str
    before_db: float
    after_db: float


def gain_info(effect: AlgorithmEffect) -> tuple[GainRow, ...]:
    """The layers of which both are known, the largest gain first; the 40 with the largest changes if there are more."""
    known = [each for each in sorted_layers(effect) if each.gain_db is not None]
    kept = sorted(known, key=lambda each: -abs(each.gain_db or 0.0))[:_MOST]
    rows = [each for each in known if each in kept]
    return tuple(
        GainRow(i, each.layer, each.op, each.before.output_sqnr_db or 0.0, each.after.output_sqnr_db or 0.0)
        for i, each in enumerate(rows)
    )


def gain_spec(effect: AlgorithmEffect, subtitle: str, chosen: str | None = None) -> dict[str, Any]:
    """A ring for before, a dot for after; a click on a dot chooses its layer. Beside ``chosen`` the others are pale."""
    rows = [
        {
            "place": row.place,
            "layer": row.layer,
            "op": row.op,
            "before": row.before_db,
            "after": row.after_db,
            "gain": row.after_db - row.before_db,
            "way": "better" if row.after_db >= row.before_db else "worse",
            "pale": chosen is not None and row.layer != chosen,
        }
        for row in gain_info(effect)
    ]
    y = {
        "field": "layer",
        "type": "nominal",
        "sort": {"field": "place"},
        "title": None,
        "axis": {"labelLimit": 190, "labelOverlap": False, "labelFlush": False, "ticks": False, "domain": False},
    }
    title = "SQNR in dB: ring before, dot after"
    x: dict[str, Any] = {"type": "quantitative", "title": title, "scale": {"zero": False, "nice": True}}
    x["axis"] = {"orient": "top"}  # in sight however many layers follow
    tips: list[dict[str, Any]] = [
        {"field": "layer", "title": "layer"},
        {"field": "op", "title": "operator"},
        {"field": "before", "title": f"before, {effect.without} (dB)", "format": ".1f"},
        {"field": "after", "title": "after (dB)", "format": ".1f"},
        {"field": "gain", "title": "gain (dB)", "format": "+.1f"},
    ]
    colour = {
        "field": "way",
        "type": "nominal",
        "scale": {"domain": list(_AFTER), "range": list(_AFTER.values())},
        "legend": None,
    }
    return {
        **chart_frame(f"Error of each layer's output: {effect.title}", subtitle, _STEP * len(rows)),
        "datasets": {"layers": rows},
        "data": {"name": "layers"},
        "encoding": {"y": y, "tooltip": tips},
        "layer": [
            {
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 2, "opacity": 0.7},
                "encoding": {"x": x | {"field": "before"}, "x2": {"field": "after"}},
            },
            {
                "mark": {"type": "point", "stroke": FLOAT, "strokeWidth": 2, "size": 55, "fill": None},
                "encoding": {"x": x | {"field": "before"}},
            },
            {
                "params": [{"name": "layer", "select": {"type": "point", "fields": ["layer"], "clear": False}}],
                "mark": {"type": "point", "filled": True, "size": 75, "cursor": "pointer"},
                "encoding": {
                    "x": x | {"field": "after"},
                    "color": colour,
                    "opacity": {"condition": {"test": "datum.pale", "value": 0.55}, "value": 1},
                },
            },
        ],
    }
