"""Layers by what rounding them alone costs: evaluated filled with its interval, foretold an outline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qexplorer.report.chart_frame import DECADES, chart_frame
from qexplorer.report.palette import INTEGER, NEUTRAL, ROUNDING
from qexplorer.report.sensitivity_charts.sensitivity_table import loss_title
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

__all__ = ["SensitivityBar", "bars_info", "bars_spec"]

_MOST = 40
_STEP = 17  # pixels of a layer


@dataclass(frozen=True, slots=True)
class SensitivityBar:
    """One layer.

    Attributes:
        layer: its name.
        op: operator type.
        evaluated: loss; None where it was not run.
        low: of its interval.
        high: of its interval.
        n: samples that it was run on.
        foretold: loss; None where nothing was foretold.
    """

    layer: str
    op: str
    evaluated: float | None
    low: float | None
    high: float | None
    n: int | None
    foretold: float | None


def bars_info(report: SensitivityReport, rounded: str = "both") -> tuple[SensitivityBar, ...]:
    """The worst 40 layers, the worst first."""
    return tuple(_bar(layer, rounded) for layer in report.worst(rounded)[:_MOST])


def _bar(layer: LayerSensitivity, rounded: str) -> SensitivityBar:
    seen, told = layer.exact(rounded), layer.gradient(rounded)
    low, high = (None, None) if seen is None or seen.ci95 is None else seen.ci95
    return SensitivityBar(
        layer.name,
        layer.op,
        None if seen is None else seen.loss,
        low,
        high,
        None if seen is None else seen.n,
        None if told is None else told.loss,
    )


def bars_spec(report: SensitivityReport, rounded: str, subtitle: str, chosen: str | None = None) -> dict[str, Any]:
    """Bars on a logarithmic axis; a click on one chooses its layer. Beside ``chosen`` the others are pale."""
    info = bars_info(report, rounded)
    known = [v for bar in info for v in (bar.evaluated, bar.foretold) if v is not None and v > 0]
    least = 10.0 ** math.floor(math.log10(min(known)) - 0.2) if known else 1e-9
    rows = [
        {
            "place": place,
            "layer": bar.layer,
            "op": bar.op,
            "evaluated": None if bar.evaluated is None else max(bar.evaluated, least),
            "low": None if bar.low is None else max(bar.low, least),
            "high": bar.high,
            "samples": bar.n,
            "foretold": None if bar.foretold is None else max(bar.foretold, least),
            "pale": chosen is not None and bar.layer != chosen,
        }
        for place, bar in enumerate(info)
    ]
    x = {
        "type": "quantitative",
        "title": f"{loss_title(report)}: bar evaluated, ring foretold",
        "scale": {"type": "log", "domainMin": least, "nice": False},
        "axis": DECADES | {"labelOverlap": True, "orient": "top"},  # in sight, however many layers follow
    }
    y = {
        "field": "layer",
        "type": "nominal",
        "sort": {"field": "place"},
        "title": None,
        "axis": {"labelLimit": 150, "labelOverlap": False, "labelFlush": False, "ticks": False, "domain": False},
    }
    tips = [
        {"field": "layer", "title": "layer"},
        {"field": "op", "title": "operator"},
        {"field": "evaluated", "title": "evaluated", "format": ".3g"},
        {"field": "low", "title": "95 % from", "format": ".2g"},
        {"field": "high", "title": "to", "format": ".2g"},
        {"field": "samples", "title": "on samples"},
        {"field": "foretold", "title": "foretold (estimate)", "format": ".2g"},
    ]
    return {
        **chart_frame(f"What rounding one layer costs: {rounded}", subtitle, _STEP * max(len(rows), 1)),
        "datasets": {"layers": rows},
        "data": {"name": "layers"},
        "encoding": {"y": y, "tooltip": tips},
        "layer": [
            {
                "params": [{"name": "layer", "select": {"type": "point", "fields": ["layer"], "clear": False}}],
                "mark": {"type": "bar", "color": INTEGER, "cornerRadiusEnd": 2, "cursor": "pointer", "height": 11},
                "encoding": {
                    "x": x | {"field": "evaluated"},
                    "x2": {"datum": least},
                    "opacity": {"condition": {"test": "datum.pale", "value": 0.55}, "value": 1},
                },
            },
            {
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 1.5},
                "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "stroke": ROUNDING, "strokeWidth": 2, "size": 50, "fill": None},
                "encoding": {"x": x | {"field": "foretold"}},
            },
        ],
    }
