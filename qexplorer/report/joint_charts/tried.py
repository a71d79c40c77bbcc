"""Trials on the two objectives with the front, and how the front came about."""

from __future__ import annotations

import math
from typing import Any

from qexplorer.report.chart_frame import DECADES, chart_frame
from qexplorer.report.joint_charts.joint_words import cost_share, cost_title, quality_title
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, ROUNDING
from qexplorer.search.joint.fronts import hypervolume
from qexplorer.search.joint.joint_types import JointReport, JointTrial

__all__ = ["progress_rows", "progress_spec", "tried_rows", "tried_spec"]

_FLOOR = 1e-9
_KINDS = {"plain": FLOAT, "a mix": ROUNDING, "the search": INTEGER}


def tried_rows(report: JointReport, chosen: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """The chart's data: ``tried`` (``stopped`` hollow), ``front`` and the ``chosen`` one."""

    def row(trial: JointTrial) -> dict[str, Any]:
        low, high = trial.ci95 or (trial.quality, trial.quality)
        return {
            "number": trial.number,
            "cost": cost_share(report, trial),
            "quality": _drawn(report, trial.quality),
            "low": _drawn(report, low),
            "high": _drawn(report, high),
            "from": trial.why,
            "name": trial.name,
            "n": trial.n,
        }

    front = [row(trial) | {"order": at} for at, trial in enumerate(report.front)]
    return {
        "measured": [row(trial) for trial in report.measured],
        "stopped": [row(trial) for trial in report.trials if trial.state == "stopped"],
        "front": front,
        "chosen": [each for each in front if each["number"] == chosen],
    }


def _drawn(report: JointReport, quality: float | None) -> float:
    value = float(quality or 0.0)
    return value if report.question.quality == "metric" else max(value, _FLOOR)


def _lowest(rows: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Where a logarithmic axis begins: below all points; an interval that reaches 0 has no end on it."""
    losses = [row["quality"] for kind in ("measured", "stopped") for row in rows[kind]]
    return {"domainMin": 10 ** math.floor(math.log10(min(losses) / 2))} if losses else {}


def tried_spec(report: JointReport, chosen: int | None = None) -> dict[str, Any]:
    """The chart."""
    rows = tried_rows(report, chosen)
    x: dict[str, Any] = {"type": "quantitative", "title": cost_title(report), "axis": {"grid": False}}
    x |= {"field": "cost", "scale": {"zero": False, "nice": True}}
    y: dict[str, Any] = {"type": "quantitative", "title": quality_title(report), "field": "quality"}
    if report.question.quality == "loss":
        y |= {"axis": DECADES, "scale": {"type": "log", "nice": True} | _lowest(rows)}
    present = [kind for kind in _KINDS if any(row["from"] == kind for row in [*rows["measured"], *rows["stopped"]])]
    colour = {
        "field": "from",
        "type": "nominal",
        "title": None,
        "scale": {"domain": present, "range": [_KINDS[kind] for kind in present]},
        "legend": {"orient": "top", "symbolOpacity": 1} if present else None,
    }
    tips = [
        {"field": "name", "title": "recipe"},
        {"field": "cost", "title": "% of int8", "format": ".1f"},
        {"field": "quality", "title": "loss" if report.question.quality == "loss" else "drop", "format": ".3g"},
        {"field": "n", "title": "samples"},
    ]
    at = {"x": x, "y": y}
    return {
        **chart_frame("Measured filled, stopped hollow", "", 300),
        "datasets": rows,
        "layer": [
            {
                "data": {"name": "front"},
                "mark": {"type": "line", "interpolate": "step-after", "color": CLIPPING, "strokeWidth": 2},
                "encoding": at | {"order": {"field": "order", "type": "quantitative"}},
            },
            {
                "data": {"name": "stopped"},
                "mark": {"type": "point", "filled": False, "size": 30, "opacity": 0.7},
                "encoding": at | {"color": colour, "tooltip": tips},
            },
            {
                "data": {"name": "front"},
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.6, "clip": True},
                "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "data": {"name": "measured"},
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 0.9},
                "encoding": at | {"color": colour, "tooltip": tips},
            },
            {
                "data": {"name": "chosen"},
                "mark": {"type": "point", "filled": False, "color": CLIPPING, "size": 200, "strokeWidth": 2.5},
                "encoding": at | {"tooltip": tips},
            },
        ],
    }


def progress_rows(report: JointReport) -> list[dict[str, Any]]:
    """After each trial, the area that the front dominates in percent of what it dominates in the end.

    Of a loss the logarithm counts. The corner is the worst of the plain recipes; without two of them, of all trials.
    """
    measured = report.measured
    plain = [trial for trial in measured if trial.is_plain]
    corner = plain if len(plain) > 1 else measured

    def point(trial: JointTrial) -> tuple[float, float]:
        value = _drawn(report, trial.quality)
        return cost_share(report, trial), value if report.question.quality == "metric" else math.log10(value)

    if not measured:
        return []
    reference = (max(point(t)[0] for t in corner), max(point(t)[1] for t in corner))
    whole = hypervolume([point(t) for t in measured], reference)
    rows, points = [], list[tuple[float, float]]()
    for count, trial in enumerate(report.trials, 1):
        points += [point(trial)] if trial.state == "measured" else []
        rows.append({"trials": count, "area": 100 * hypervolume(points, reference) / whole if whole > 0 else 100.0})
    return rows


def progress_spec(report: JointReport) -> dict[str, Any]:
    """How the front came about."""
    x = {"field": "trials", "type": "quantitative", "title": "recipes tried", "axis": {"grid": False, "tickMinStep": 1}}
    y = {"field": "area", "type": "quantitative", "title": "area in front of it, %", "axis": {"tickCount": 4}}
    return {
        **chart_frame("How the front came about", "", 150),
        "data": {"values": progress_rows(report)},
        "mark": {"type": "line", "interpolate": "step-after", "color": INTEGER, "strokeWidth": 2},
        "encoding": {"x": x, "y": y},
    }
