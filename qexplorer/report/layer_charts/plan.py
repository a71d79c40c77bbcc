"""A plan as pictures: packed bytes of each layer's weight before and after, and of the whole by what happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.core.model import Model
from qexplorer.quantize.plan_types import LayerPlan, Plan
from qexplorer.quantize.size import foretold_bytes
from qexplorer.report.comparison_charts.values import scaled_unit, title_of
from qexplorer.report.palette import FLOAT, GRID, INTEGER

__all__ = ["TREATMENTS", "PlanBar", "PlanInfo", "layers_spec", "plan_info", "whole_spec"]

MOST_LAYERS = 40
FLOAT_BYTES = 4
AROUND = 215  # pixels that axis, title and legend take of a chart's height


# treatment -> (what to call it, colour), in the order in which the bar of the whole is stacked; the less of a layer is
# in integers, the paler its blue
TREATMENTS: dict[str, tuple[str, str]] = {
    "quantized": ("integers", INTEGER),
    "dynamic": ("integers, ranges as they come", f"{INTEGER}b8"),
    "weight-only": ("weights only", f"{INTEGER}78"),
    "half": ("16-bit float", f"{FLOAT}90"),
    "passthrough": ("works on codes", GRID),
    "float": ("float", FLOAT),
}


@dataclass(frozen=True, slots=True)
class PlanBar:
    """One layer with a weight: its place, name, operator, treatment, and bytes before and after."""

    place: int
    name: str
    op: str
    treatment: str
    float_bytes: int
    bytes: int
    weights: str


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """What the charts show.

    Attributes:
        title: the recipe and the model.
        bars: layers with a weight, in execution order; the largest 40 of them if there are more.
        left_out: layers with a weight that are not drawn.
        whole: bytes of all weights by treatment, after.
        float_bytes: bytes of all weights before.
        bytes: bytes of all weights after.
        counts: number of computing layers by treatment.
        unit: unit that bytes are drawn in.
        factor: from bytes to that unit.
    """

    title: str
    bars: tuple[PlanBar, ...]
    left_out: int
    whole: dict[str, int]
    float_bytes: int
    bytes: int
    counts: dict[str, int]
    unit: str
    factor: float


def plan_info(model: Model, plan: Plan, recipe: str, made: int | None = None) -> PlanInfo:
    """The charts' data; ``made`` are the bytes of the file's constants, packed, once it is made.

    Values outside the planned weights (biases, constants) count as 4 bytes, before and after.
    """
    bars = [_bar(place, layer) for place, layer in enumerate(plan.layers, 1) if layer.weight_bytes]
    planned = sum(bar.float_bytes for bar in bars)
    rest = max(model.weight_bytes - planned, 0)
    whole: dict[str, int] = {}
    for bar in bars:
        whole[bar.treatment] = whole.get(bar.treatment, 0) + bar.bytes
    if rest:
        whole["float"] = whole.get("float", 0) + rest
    after = foretold_bytes(model, plan) if made is None else made
    if whole:  # scales of biases and of activations, the same in all: they go to what there is most of
        most = max(whole, key=whole.__getitem__)
        whole[most] += after - sum(whole.values())
    counts: dict[str, int] = {}
    for layer in plan.layers:
        if layer.computes:
            counts[layer.treatment] = counts.get(layer.treatment, 0) + 1
    unit, factor = scaled_unit("B", [float(bar.float_bytes) for bar in bars])
    kept = sorted(sorted(bars, key=lambda b: -b.float_bytes)[:MOST_LAYERS], key=lambda b: b.place)
    return PlanInfo(
        title=f"{recipe} on {model.name}",
        bars=tuple(kept),
        left_out=len(bars) - len(kept),
        whole={t: whole[t] for t in TREATMENTS if t in whole},
        float_bytes=planned + rest,
        bytes=after,
        counts={t: counts[t] for t in TREATMENTS if t in counts},
        unit=unit,
        factor=factor,
    )


def _bar(place: int, layer: LayerPlan) -> PlanBar:
    before = layer.parameters * FLOAT_BYTES
    return PlanBar(place, layer.name, layer.op, layer.treatment, before, layer.weight_bytes, layer.weights or "float")


def whole_spec(info: PlanInfo) -> dict[str, Any]:
    """Two bars from zero on one axis: all weights in float, and after, by what happens to them."""
    unit, factor = scaled_unit("B", [float(max(info.float_bytes, info.bytes))])
    rows: list[dict[str, Any]] = [
        {"model": "float", "what": TREATMENTS["float"][0], "order": 0, "size": info.float_bytes * factor}
    ]
    rows += [
        {"model": "quantized", "what": TREATMENTS[t][0], "order": i, "size": size * factor}
        for i, (t, size) in enumerate(info.whole.items())
    ]
    y: dict[str, Any] = {"field": "model", "type": "nominal", "sort": None, "title": None}
    y["axis"] = {"ticks": False, "domain": False}
    return {
        "title": title_of("Weights before and after", info.title),
        "datasets": {"whole": rows},
        "data": {"name": "whole"},
        "height": 2 * 26 + AROUND,
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": y,
            "x": {"field": "size", "type": "quantitative", "title": f"all weights ({unit})", "stack": "zero"},
            "color": _treatment_colour([row["what"] for row in rows]),
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [
                {"field": "model", "title": "model"},
                {"field": "what", "title": "treatment"},
                {"field": "size", "title": unit, "format": ",.4~g"},
            ],
        },
    }


def _treatment_colour(present: list[str]) -> dict[str, Any]:
    domain = [name for name, _ in TREATMENTS.values() if name in present]
    colours = [colour for name, colour in TREATMENTS.values() if name in present]
    legend = {"title": None, "orient": "top", "labelLimit": 220}
    return {"field": "what", "type": "nominal", "scale": {"domain": domain, "range": colours}, "legend": legend}


def layers_spec(info: PlanInfo) -> dict[str, Any]:
    """For each layer its weight's bytes: an outline for float, filled for what becomes of it."""
    rows: list[dict[str, Any]] = [
        {
            "layer": f"{bar.place}. {bar.name}",
            "place": bar.place,
            "op": bar.op,
            "what": TREATMENTS[bar.treatment][0],
            "weights": bar.weights,
            "before": bar.float_bytes * info.factor,
            "after": bar.bytes * info.factor,
        }
        for bar in info.bars
    ]
    axis = {"labelLimit": 190, "ticks": False, "domain": False, "labelOverlap": False}
    y = {"field": "layer", "type": "nominal", "sort": None, "title": None, "axis": axis}
    title = f"weights ({info.unit}); outline: in float"
    tooltip = [
        {"field": "layer", "title": "layer"},
        {"field": "op", "title": "operator"},
        {"field": "weights", "title": "weights"},
        {"field": "before", "title": f"float, {info.unit}", "format": ",.4~g"},
        {"field": "after", "title": f"after, {info.unit}", "format": ",.4~g"},
    ]
    outline = {"type": "bar", "fill": "transparent", "stroke": FLOAT, "strokeWidth": 1, "cornerRadiusEnd": 2}
    x = {"type": "quantitative", "title": title, "axis": {"tickCount": 6}}
    colour = _treatment_colour([row["what"] for row in rows])
    return {
        "title": title_of("Weights of each layer", info.title),
        "datasets": {"layers": rows},
        "data": {"name": "layers"},
        "height": 18 * len(rows) + AROUND,
        "layer": [
            {"mark": outline, "encoding": {"y": y, "x": x | {"field": "before"}, "tooltip": tooltip}},
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2},
                "encoding": {"y": y, "x": x | {"field": "after"}, "color": colour, "tooltip": tooltip},
            },
        ],
    }
