"""One layer's int32 sums as a histogram, with what narrower accumulators would hold."""

from __future__ import annotations

from typing import Any

from qexplorer.measure.arithmetic.accumulators import LayerSums, Sums
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, NEUTRAL, backend_colour
from qexplorer.run.torch_integer import TORCH

__all__ = ["sums_rows", "sums_spec"]

_INT16 = 2**15


def sums_rows(found: Sums) -> list[dict[str, Any]]:
    """The table: one row for each layer."""
    return [
        {
            "layer": layer.layer,
            "smallest": layer.low,
            "largest": layer.high,
            "bits": layer.bits,
            "bits of 32 left": 32 - layer.bits,
            "sums": layer.count,
        }
        for layer in found.layers
    ]


def sums_spec(layer: LayerSums, n: int, subtitle: str) -> dict[str, Any]:
    """Counts on a logarithmic axis; the ends of int16 as rules where they lie inside the range.

    Args:
        layer: whose sums.
        n: samples that they are of.
        subtitle: model, machine and moment.
    """
    rows = [
        {"from": low, "to": high, "count": count, "floor": 0.7}
        for low, high, count in zip(layer.edges, layer.edges[1:], layer.counts, strict=False)
        if count
    ]
    x: dict[str, Any] = {"type": "quantitative", "scale": {"zero": False, "nice": False}}
    y: dict[str, Any] = {"field": "count", "type": "quantitative", "title": "sums"}
    y["scale"] = {"type": "log", "domainMin": 0.7, "nice": False}
    tooltip = [
        {"field": "from", "title": "from", "format": ","},
        {"field": "to", "title": "to below", "format": ","},
        {"field": "count", "title": "sums", "format": ","},
    ]
    bars = {
        "mark": {"type": "rect", "color": backend_colour(TORCH.name)},
        "encoding": {
            "x": x | {"field": "from", "title": "int32 sum, bias included, before it is rescaled", "bin": "binned"},
            "x2": {"field": "to"},
            "y": y,
            "y2": {"field": "floor"},
            "tooltip": tooltip,
        },
    }
    inside = [end for end in (-_INT16, _INT16 - 1) if layer.low < end < layer.high]
    ends = {
        "data": {"values": [{"at": end, "text": "int16 ends"} for end in inside]},
        "encoding": {"x": x | {"field": "at"}},
        "layer": [
            {"mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 2, "strokeDash": [5, 4]}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": NEUTRAL, "baseline": "top"},
                "encoding": {"text": {"field": "text"}, "y": {"value": 2}},
            },
        ],
    }
    title = f"Sums of {layer.layer}, {n} samples: {layer.bits} of 32 bits"
    return {
        **chart_frame(title, subtitle, 190),
        "datasets": {"sums": rows},
        "data": {"name": "sums"},
        "layer": [bars, ends] if inside else [bars],
    }
