"""Networks by accuracy and cost: judged ones filled with their interval, the hand-made sample beside them."""

from __future__ import annotations

from typing import Any, Literal

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, INTEGER, NEUTRAL
from qexplorer.search.architecture.architecture_types import ArchitectureReport, JudgedNetwork

__all__ = ["network_rows", "network_spec"]

Cost = Literal["weight_bytes", "latency_ms"]
_TITLES = {"weight_bytes": "weights, kB", "latency_ms": "ms a sample, ONNX Runtime"}
_BELOW = 1.5  # points of accuracy below the lowest interval, to which the picture goes
_ABOVE = 0.04  # of the picture's height, above 100 %
_UNLEARNED = "undertrained"
_KINDS = {"tried": NEUTRAL, "found": INTEGER, "hand-made": CLIPPING, _UNLEARNED: NEUTRAL}
_SHAPES = dict.fromkeys(_KINDS, "circle") | {_UNLEARNED: "cross"}


def network_rows(report: ArchitectureReport, cost: Cost) -> dict[str, list[dict[str, Any]]]:
    """``judged`` on the evaluation part; ``front``: those of them that were trained far enough and that no other beats
    in both; ``tried`` on the samples that chose, which have no latency."""
    unit = 1000 if cost == "weight_bytes" else 1
    judged = []
    for each in report.judged:
        if (value := getattr(each, cost)) is None:
            continue
        low, high = each.ci95
        fast, slow = (each.latency_ci95 if cost == "latency_ms" else None) or (value, value)
        judged.append(
            {
                "cost": value / unit,
                "least": fast / unit,
                "most": slow / unit,
                "accuracy": 100 * each.accuracy,
                "low": 100 * low,
                "high": 100 * high,
                "kind": _kind(each),
                "name": f"{each.name}, {each.recipe.partition(' ')[0]}" if each.shape is None else each.name,
            }
        )
    tried = []
    if cost == "weight_bytes":
        tried = [
            {
                "cost": each.weight_bytes / unit,
                "accuracy": 100 * each.accuracy,
                "kind": "tried",
                "name": f"{each.shape.name}, round {each.round}",
            }
            for each in report.tried
            if each.failed is None
        ]
    front = [
        {"cost": getattr(each, cost) / unit, "accuracy": 100 * each.accuracy, "name": each.name}
        for each in report.front_over(cost)
    ]
    return {"judged": judged, "front": front, "tried": tried}


def _kind(network: JudgedNetwork) -> str:
    if network.unlearned is not None:
        return _UNLEARNED
    return "hand-made" if network.shape is None else "found"


def _accuracies(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """From below what is judged to a little above 100 %, so that a point there is whole."""
    lows = [row["low"] for row in rows["judged"] if row["kind"] != _UNLEARNED]
    lows = lows or [row["accuracy"] for part in ("judged", "tried") for row in rows[part]]
    if not lows:
        return {"domain": [0, 100]}
    low = max(0.0, min(lows) - _BELOW)
    return {"domain": [low, 100 + _ABOVE * (100 - low)], "nice": False}


def network_spec(report: ArchitectureReport, cost: Cost = "weight_bytes") -> dict[str, Any]:
    """The chart."""
    rows = network_rows(report, cost)
    x: dict[str, Any] = {"field": "cost", "type": "quantitative", "title": _TITLES[cost]}
    x |= {"scale": {"type": "log", "nice": True}, "axis": {"grid": False, "tickCount": 4, "format": "~g"}}
    y: dict[str, Any] = {"field": "accuracy", "type": "quantitative", "title": "accuracy, %"}
    y["scale"] = _accuracies(rows)
    present = [
        kind for kind in _KINDS if any(row["kind"] == kind for part in ("judged", "tried") for row in rows[part])
    ]
    colour = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "scale": {"domain": present, "range": [_KINDS[kind] for kind in present]},
        "legend": {"orient": "top", "columns": 2 if len(present) > 3 else 0, "symbolOpacity": 1} if present else None,
    }
    shape = colour | {"scale": {"domain": present, "range": [_SHAPES[kind] for kind in present]}}
    tips = [{"field": "name"}, {"field": "accuracy", "format": ".2f"}, {"field": "cost", "format": ".3g"}]
    at = {"x": x, "y": y, "color": colour, "shape": shape}
    return {
        **chart_frame("Accuracy and size" if cost == "weight_bytes" else "Accuracy and time", "", 260),
        "datasets": rows,
        "layer": [
            {
                "data": {"name": "front"},
                "mark": {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3], "color": NEUTRAL},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "tried"},
                "mark": {"type": "point", "filled": False, "size": 35, "opacity": 0.8, "clip": True},
                "encoding": at | {"tooltip": tips},
            },
            {
                "data": {"name": "judged"},
                "mark": {"type": "rule", "strokeWidth": 2, "clip": True},
                "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "data": {"name": "judged"},
                "mark": {"type": "rule", "strokeWidth": 2, "clip": True},
                "encoding": {"x": x | {"field": "least"}, "x2": {"field": "most"}, "y": y, "color": colour},
            },
            {
                "data": {"name": "judged"},
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "clip": True},
                "encoding": at | {"tooltip": tips},
            },
        ],
    }
