"""How parameters or multiply-accumulates are spread over a model's layers: typed data, then a Vega-Lite chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.core.model import Layer, Model
from qexplorer.report.palette import FLOAT, INTEGER

__all__ = ["LayerBar", "LayerChartInfo", "layer_chart_info", "layer_chart_spec"]

_MOST = 60
_SEEN = 1 / 500  # of the longest bar: less is not a pixel
_TREATMENTS = ("can be quantized", "stays in float")


@dataclass(frozen=True, slots=True)
class LayerBar:
    """One layer's bar: its place in execution order, name, operator, value, share of the whole, and what it can be."""

    place: int
    name: str
    op: str
    value: int
    share: float
    treatment: str


@dataclass(frozen=True, slots=True)
class LayerChartInfo:
    """What the chart shows.

    Attributes:
        title: the model and the quantity.
        unit: ``parameters`` or ``MACs``.
        bars: computing layers with a value that can be seen, in execution order; the largest ``60`` if there are more.
        left_out: computing layers with a value above 0 that are not drawn.
        left_out_share: the share of the whole that these hold.
    """

    title: str
    unit: str
    bars: tuple[LayerBar, ...]
    left_out: int
    left_out_share: float


def layer_chart_info(model: Model, unit: str) -> LayerChartInfo:
    """The bars for ``unit`` (``parameters`` or ``MACs``)."""
    values = [(place, layer, _value(layer, unit)) for place, layer in enumerate(model.layers)]
    used = [(place, layer, value) for place, layer, value in values if value and layer.computes]
    whole = sum(value for _, _, value in used)
    least = _SEEN * max((value for _, _, value in used), default=0)
    drawn = [item for item in sorted(used, key=lambda item: -item[2])[:_MOST] if item[2] >= least]
    kept = sorted(drawn, key=lambda item: item[0])
    bars = tuple(
        LayerBar(place + 1, layer.name, layer.op, value, value / whole, _TREATMENTS[not layer.quantizable])
        for place, layer, value in kept
    )
    title = f"{unit.capitalize() if unit == 'parameters' else unit} of each layer of {model.name}"
    return LayerChartInfo(title, unit, bars, len(used) - len(bars), 1 - sum(b.share for b in bars) if whole else 0.0)


def _value(layer: Layer, unit: str) -> int:
    return (layer.parameters if unit == "parameters" else layer.macs) or 0


def layer_chart_spec(info: LayerChartInfo) -> dict[str, Any]:
    """A horizontal bar for each layer, in execution order; filled where it can be an integer, grey where not."""
    rows = [
        {
            "place": bar.place,
            "layer": f"{bar.place}. {bar.name}",
            "op": bar.op,
            "value": bar.value,
            "share": bar.share,
            "treatment": bar.treatment,
        }
        for bar in info.bars
    ]
    mixed = len({bar.treatment for bar in info.bars}) > 1
    return {
        "title": {"text": info.title, "anchor": "start", "offset": 6},
        "datasets": {"layers": rows},
        "data": {"name": "layers"},
        "height": {"step": 17},
        "padding": {"left": 0, "top": 2, "right": 4, "bottom": 2},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": {
                "field": "layer",
                "type": "nominal",
                "sort": {"field": "place"},
                "title": None,
                "axis": {
                    "labelLimit": 220,
                    "labelOverlap": False,
                    "labelFlush": False,
                    "ticks": False,
                    "domain": False,
                },
            },
            "x": {
                "field": "value",
                "type": "quantitative",
                "title": info.unit,
                "axis": {"labelExpr": "datum.value ? format(datum.value, '~s') : '0'", "tickCount": 6},
            },
            "color": {
                "field": "treatment",
                "type": "nominal",
                "scale": {"domain": list(_TREATMENTS), "range": [INTEGER, FLOAT]},
                "legend": {"title": None, "orient": "top", "offset": 2} if mixed else None,
            },
            "tooltip": [
                {"field": "layer", "title": "layer"},
                {"field": "op", "title": "operator"},
                {"field": "value", "title": info.unit, "format": ","},
                {"field": "share", "title": "share of the model", "format": ".1%"},
                {"field": "treatment", "title": "quantization"},
            ],
        },
    }
