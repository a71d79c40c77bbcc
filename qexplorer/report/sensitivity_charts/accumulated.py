"""Errors of layers as they add up along the network: each alone, the sum of those so far, and all of them rounded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from qexplorer.report.chart_frame import DECADES, chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, NEUTRAL, ROUNDING
from qexplorer.report.sensitivity_charts.sensitivity_table import SETUPS, loss_title
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

__all__ = ["AccumulatedPoint", "accumulated_info", "accumulated_spec"]

_HEIGHT = 190
_SUM, _ALONE, _UP_TO, _BUT = "sum of those alone so far", *(SETUPS[s] for s in ("alone", "cumulative", "all_but_one"))
_COLOURS = {_ALONE: INTEGER, _SUM: NEUTRAL, _UP_TO: CLIPPING, _BUT: ROUNDING}


@dataclass(frozen=True, slots=True)
class AccumulatedPoint:
    """One loss of one layer.

    Attributes:
        place: in graph order, from 1.
        layer: its name.
        what: which layers are rounded; the sum is of losses, and no evaluation.
        loss: above 0.
    """

    place: int
    layer: str
    what: str
    loss: float


def accumulated_info(report: SensitivityReport) -> tuple[AccumulatedPoint, ...]:
    """What is known of layers rounded whole; nothing where each was rounded alone only.

    Losses of 0 are left out, as the axis is logarithmic; the sum ends at the first layer whose own loss is not known.
    """
    found: list[AccumulatedPoint] = []
    total: float | None = 0.0
    for place, layer in enumerate(report.layers, 1):
        known = {_ALONE: _loss(layer, "alone"), _UP_TO: _loss(layer, "cumulative"), _BUT: _loss(layer, "all_but_one")}
        alone = known[_ALONE]
        total = None if alone is None or total is None else total + alone
        known[_SUM] = total
        found += [AccumulatedPoint(place, layer.name, what, loss) for what, loss in known.items() if loss]
    return tuple(found) if any(each.what in (_UP_TO, _BUT) for each in found) else ()


def _loss(layer: LayerSensitivity, setup: str) -> float | None:
    found = layer.exact("both", setup)
    return None if found is None else found.loss


def accumulated_spec(report: SensitivityReport) -> dict[str, Any]:
    """The chart: dots for each alone, lines for what adds up."""
    rows = [asdict(each) for each in accumulated_info(report)]
    names = [name for name in _COLOURS if any(row["what"] == name for row in rows)]
    x = {"field": "place", "type": "quantitative", "title": "layer, in graph order", "axis": {"format": "d"}}
    x |= {"scale": {"domain": [1, max(len(report.layers), 2)], "nice": False, "padding": 8}}
    y = {"field": "loss", "type": "quantitative", "title": loss_title(report), "scale": {"type": "log"}}
    y |= {"axis": DECADES}
    colour = {
        "field": "what",
        "type": "nominal",
        "scale": {"domain": names, "range": [_COLOURS[name] for name in names]},
        "legend": {"title": None, "orient": "bottom", "columns": 2, "symbolStrokeWidth": 0},
    }
    tips = [
        {"field": "layer", "title": "layer"},
        {"field": "what", "title": "rounded"},
        {"field": "loss", "title": "loss", "format": ".3g"},
    ]
    encoding = {"x": x, "y": y, "color": colour, "tooltip": tips}
    dashes: dict[str, Any] = {"field": "what", "type": "nominal", "legend": None}
    dashes |= {"scale": {"domain": [_SUM, _UP_TO, _BUT], "range": [[4, 3], [1, 0], [1, 0]]}}
    return {
        **chart_frame("Errors alone, and as they add up", "", _HEIGHT),
        "datasets": {"losses": rows},
        "data": {"name": "losses"},
        "layer": [
            {
                "transform": [{"filter": f"datum.what !== '{_ALONE}'"}],
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": encoding | {"strokeDash": dashes},
            },
            {"mark": {"type": "point", "filled": True, "size": 30, "opacity": 1}, "encoding": encoding},
        ],
        "config": {"axis": {"gridColor": FLOAT, "gridOpacity": 0.25}},
    }
