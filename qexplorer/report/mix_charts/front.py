"""The front of loss against a cost: predicted hollow and dashed, measured filled with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qexplorer.report.chart_frame import DECADES, chart_frame
from qexplorer.report.mix_charts.mix_words import axis_title, loss_unit
from qexplorer.report.palette import CLIPPING, FLOAT, GRID, INTEGER
from qexplorer.search.costs.cost_kinds import ENERGY_MJ, LATENCY_MS, WEIGHT_BYTES
from qexplorer.search.mixing.mix_types import MixPoint, MixReport, VerifiedMix

__all__ = ["front_rows", "front_spec"]

_FLOOR = 1e-9


def front_rows(
    report: MixReport, axis: str = "", front: Sequence[MixPoint] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """The chart's data: ``predicted`` and ``measured``, costs in percent of int8's.

    Args:
        report: what was found so far.
        axis: the kind of cost; empty: the report's.
        front: over it; None: the report's.
    """
    axis = axis or report.axis
    predicted = [
        {"size": 100 * report.share(p, axis), "loss": max(p.predicted_loss, _FLOOR), "order": i}
        for i, p in enumerate(report.front if front is None else front)
    ]
    measured = []
    for place, mix in enumerate(report.verified):
        low, high = mix.found.ci95 or (mix.found.loss, mix.found.loss)
        at, left, right = _measured(report, mix, axis)
        measured.append(
            {
                "size": at,
                "left": left,
                "right": right,
                "loss": max(mix.found.loss, _FLOOR),
                "low": max(low, _FLOOR),
                "high": max(high, _FLOOR),
                "kind": "chosen" if place == report.chosen else "measured",
                "name": mix.recipe_name,
            }
        )
    return {"predicted": predicted, "measured": measured}


def _measured(report: MixReport, mix: VerifiedMix, axis: str) -> tuple[float, float, float]:
    """Where a mix stands and its interval: measured bytes, measured latency and energy in units of int8's beside it;
    bit operations as they are counted."""
    if axis == WEIGHT_BYTES:
        share = 100 * mix.weight_bytes / max(report.whole[axis], 1)
        return share, share, share
    int8 = None if report.clock is None else next((p for p in report.clock.plain if p.name == "int8"), None)
    latency, base = mix.latency, None if int8 is None or int8.latency is None else int8.latency.p50
    if axis in (LATENCY_MS, ENERGY_MJ) and latency is not None and latency.p50 and base:
        watts = report.whole[ENERGY_MJ] / report.whole[LATENCY_MS]
        ms = latency.p50
        if axis == ENERGY_MJ and mix.energy is not None and mix.energy.value is not None:
            ms = mix.energy.value / watts
        low, high = latency.ci95 or (latency.p50, latency.p50)
        at = 100 * ms / base
        return at, at * low / latency.p50, at * high / latency.p50
    share = 100 * report.share(mix.point, axis)
    return share, share, share


def front_spec(
    report: MixReport,
    now: MixPoint | None = None,
    *,
    budget: float | None = None,
    axis: str = "",
    front: Sequence[MixPoint] | None = None,
) -> dict[str, Any]:
    """The chart.

    Args:
        report: what was found so far.
        now: the mix at the budget of a slider.
        budget: of the slider, in percent of int8's.
        axis: the kind of cost; empty: the report's.
        front: over it; None: the report's.
    """
    axis = axis or report.axis
    rows = front_rows(report, axis, front)
    x: dict[str, Any] = {"type": "quantitative", "title": axis_title(report, axis), "axis": {"grid": False}}
    x["scale"] = {"zero": False, "nice": True}
    y: dict[str, Any] = {"type": "quantitative", "title": loss_unit(report), "axis": DECADES}
    y["scale"] = {"type": "log", "nice": True}
    at = {"x": x | {"field": "size"}, "y": y | {"field": "loss"}}
    tips = [
        {"field": "size", "title": "% of int8's", "format": ".1f"},
        {"field": "loss", "title": "loss", "format": ".3g"},
    ]
    here = [] if now is None else [{"size": 100 * report.share(now, axis), "loss": max(now.predicted_loss, _FLOOR)}]
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
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": x | {"field": "left"},
                    "x2": {"field": "right"},
                    "y": y | {"field": "loss"},
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
