"""Which choices matter, for each of the two objectives."""

from __future__ import annotations

from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CONVERTING, INTEGER
from qexplorer.search.joint.joint_types import JointReport

__all__ = ["importance_rows", "importance_spec"]

_MOST = 12
_ROW = 22  # pixels


def importance_rows(report: JointReport) -> list[dict[str, Any]]:
    """The parameters that matter most in either objective, a row for each objective."""
    shares: dict[str, float] = {}
    for found in report.importance.values():
        for name, share in found.items():
            shares[name] = max(share, shares.get(name, 0.0))
    names = sorted(shares, key=lambda name: -shares[name])[:_MOST]
    return [
        {"choice": name, "objective": objective, "share": 100 * found.get(name, 0.0), "rank": names.index(name)}
        for objective, found in report.importance.items()
        for name in names
    ]


def importance_spec(report: JointReport) -> dict[str, Any]:
    """Bars, the most important on top."""
    rows = importance_rows(report)
    count = len({row["choice"] for row in rows})
    names = {"quality": INTEGER, "cost": CONVERTING}
    return {
        **chart_frame("What matters: share of each choice", "", max(count, 1) * _ROW),
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {
                "field": "choice",
                "type": "nominal",
                "title": None,
                "sort": {"field": "rank"},
                "axis": {"labelLimit": 190},
            },
            "yOffset": {"field": "objective", "sort": list(names)},
            "x": {"field": "share", "type": "quantitative", "title": "importance, %", "axis": {"tickCount": 4}},
            "color": {
                "field": "objective",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(names), "range": list(names.values())},
                "legend": {"orient": "top"},
            },
            "tooltip": [{"field": "choice"}, {"field": "objective"}, {"field": "share", "format": ".1f"}],
        },
    }
