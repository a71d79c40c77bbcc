"""Which choice each layer has in a mix: a square for each layer and choice, stronger the more it would lose there."""

from __future__ import annotations

from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, INTEGER, NEUTRAL
from qexplorer.search.costs.cost_kinds import LATENCY_MS
from qexplorer.search.mixing.mix_types import MixPoint, MixReport

__all__ = ["layer_mix_rows", "layers_spec", "pair_rows", "pairs_spec"]

_FAINT = 0.12
"""Opacity of what loses nothing: colours fade into the page, light or dark."""


def layer_mix_rows(report: MixReport, point: MixPoint) -> list[dict[str, Any]]:
    """A row for each group and choice, in graph order."""
    rows = []
    for place, (group, chosen) in enumerate(zip(report.groups, point.choice, strict=True)):
        name = group.layers[0] + (f" (+{len(group.layers) - 1})" if len(group.layers) > 1 else "")
        for at, (name_of, loss, size) in enumerate(zip(group.choices, group.losses, group.weight_bytes, strict=True)):
            rows.append(
                {
                    "place": place,
                    "layer": name,
                    "choice": name_of,
                    "loss": loss,
                    "bytes": size,
                    "ms": group.costs[LATENCY_MS][at] if LATENCY_MS in group.costs else None,
                    "chosen": at == chosen,
                    "source": group.source,
                }
            )
    return rows


def layers_spec(report: MixReport, point: MixPoint) -> dict[str, Any]:
    """The chart: what is taken is ringed."""
    rows = layer_mix_rows(report, point)
    y = {
        "field": "layer",
        "type": "nominal",
        "title": None,
        "sort": {"field": "place"},
        "axis": {"labelLimit": 170, "labelOverlap": False, "labelFlush": False},
    }
    x: dict[str, Any] = {"field": "choice", "type": "nominal", "title": None, "sort": list(report.choices)}
    x["axis"] = {"labelAngle": 0, "orient": "top"}
    tips = [
        {"field": "layer"},
        {"field": "choice"},
        {"field": "loss", "title": "loss with it", "format": ".3g"},
        {"field": "bytes", "title": "bytes", "format": ","},
        *([] if report.clock is None else [{"field": "ms", "title": "predicted ms", "format": ".3g"}]),
        {"field": "source", "title": "how it is known"},
        {"field": "chosen", "title": "in this mix"},
    ]
    shade: dict[str, Any] = {"field": "loss", "type": "quantitative", "title": "loss", "legend": None}
    shade["scale"] = {"type": "symlog", "constant": _small(rows), "range": [_FAINT, 1]}
    return {
        **chart_frame("Choices; stronger colour loses more", "", max(18 * len(report.groups), 60)),
        "datasets": {"rows": rows},
        "layer": [
            {
                "data": {"name": "rows"},
                "mark": {"type": "rect", "stroke": None, "color": CLIPPING},
                "encoding": {"x": x, "y": y, "opacity": shade, "tooltip": tips},
            },
            {
                "data": {"name": "rows"},
                "transform": [{"filter": "datum.chosen"}],
                "mark": {"type": "rect", "fill": None, "stroke": INTEGER, "strokeWidth": 3},
                "encoding": {"x": x, "y": y},
            },
        ],
    }


def _small(rows: list[dict[str, Any]]) -> float:
    losses = sorted(row["loss"] for row in rows if row["loss"] > 0)
    return float(losses[len(losses) // 2]) if losses else 1.0


def pair_rows(report: MixReport) -> list[dict[str, Any]]:
    """A row for each measured pair, both ways round."""
    names = [group.layers[0] for group in report.groups]
    return [
        {
            "first": names[a],
            "second": names[b],
            "loss": pair.loss,
            "half": pair.half,
            "counted": pair.loss if pair.tells else 0.0,
            "strength": abs(pair.loss) if pair.tells else 0.0,
            "text": f"{pair.loss:+.1g}" if pair.tells else "none",
        }
        for pair in report.pairs
        for a, b in ((pair.first, pair.second), (pair.second, pair.first))
    ]


def pairs_spec(report: MixReport) -> dict[str, Any]:
    """A heat map: what two layers lose together beyond what each loses alone."""
    rows = pair_rows(report)
    most = max((row["strength"] for row in rows), default=1.0) or 1.0
    axis = {"labelLimit": 150, "labelOverlap": False}
    x = {"field": "first", "type": "nominal", "title": None, "sort": None, "axis": axis | {"labelAngle": -30}}
    y = {"field": "second", "type": "nominal", "title": None, "sort": None, "axis": axis}
    signs = [{"test": "datum.counted < 0", "value": INTEGER}, {"test": "datum.counted > 0", "value": CLIPPING}]
    colour = {"condition": signs, "value": NEUTRAL}
    shade: dict[str, Any] = {"field": "strength", "type": "quantitative", "legend": None}
    shade["scale"] = {"domain": [0, most], "range": [_FAINT, 1]}
    ink = {"condition": {"test": f"datum.strength > {most / 2}", "value": "#1a1f26"}, "value": NEUTRAL}  # on any page
    tips = [
        {"field": "first"},
        {"field": "second"},
        {"field": "loss", "title": "beyond the sum", "format": "+.3g"},
        {"field": "half", "title": "give or take", "format": ".2g"},
    ]
    return {
        **chart_frame("Pairs of layers in their narrowest choices", "", 180),
        "datasets": {"rows": rows},
        "layer": [
            {
                "data": {"name": "rows"},
                "mark": {"type": "rect"},
                "encoding": {"x": x, "y": y, "color": colour, "opacity": shade, "tooltip": tips},
            },
            {
                "data": {"name": "rows"},
                "mark": {"type": "text", "fontSize": 11, "fontWeight": 600},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}, "color": ink},
            },
        ],
    }
