"""The loss after each remedy that was tried: kept ones filled, others hollow."""

from __future__ import annotations

from typing import Any

from qexplorer.report.chart_frame import DECADES, chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER
from qexplorer.search.repair.repair_types import RepairReport

__all__ = ["repair_rows", "repair_spec"]

_FLOOR = 1e-7


def repair_rows(report: RepairReport) -> dict[str, list[dict[str, Any]]]:
    """``tried``: a row for each; ``way``: the loss of the recipe as it was mended."""
    loss = max(report.before.loss, _FLOOR)
    way = [{"step": 0, "loss": loss}]
    tried = [{"step": 0, "loss": loss, "kind": "before", "remedy": "before", "layer": ""}]
    for place, step in enumerate(report.steps, 1):
        if step.loss is not None:
            kind = "kept" if step.kept else "not kept"
            tried.append(
                {
                    "step": place,
                    "loss": max(step.loss, _FLOOR),
                    "kind": kind,
                    "remedy": step.remedy,
                    "layer": step.layer or "the whole model",
                }
            )
            if step.kept:
                loss = max(step.loss, _FLOOR)
        way.append({"step": place, "loss": loss})
    return {"tried": tried, "way": way}


def repair_spec(report: RepairReport) -> dict[str, Any]:
    """The chart."""
    x: dict[str, Any] = {"field": "step", "type": "quantitative", "title": "remedies tried"}
    x["axis"] = {"tickMinStep": 1, "grid": False, "format": "d"}
    unit = "divergence from float, nats" if report.unit == "nats" else "squared error over signal"
    y: dict[str, Any] = {
        "field": "loss",
        "type": "quantitative",
        "title": unit,
        "axis": DECADES,
    }
    y["scale"] = {"type": "log"}
    names = {"before": FLOAT, "kept": INTEGER, "not kept": CLIPPING}
    colour = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(names), "range": list(names.values())},
        "legend": {"orient": "top"},
    }
    tips = [{"field": "layer"}, {"field": "remedy"}, {"field": "loss", "format": ".3g"}, {"field": "kind"}]
    return {
        **chart_frame("The loss after each remedy", "", 200),
        "datasets": repair_rows(report),
        "layer": [
            {
                "data": {"name": "way"},
                "mark": {"type": "line", "interpolate": "step-after", "color": INTEGER, "strokeWidth": 2},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "tried"},
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tips},
            },
        ],
    }
