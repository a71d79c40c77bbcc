"""What moves inside a network while it trains: scales, the size of gradients, and a layer's weights on their grid."""

from __future__ import annotations

from typing import Any

from qexplorer.core.words.numbers import percent_text
from qexplorer.quantize.training.diaries.diary import Diary, Look, Shape
from qexplorer.report.palette import FLOAT, GRID, INTEGER, NEUTRAL, ROUNDING
from qexplorer.report.training_charts.curves import HEIGHT, PADDING, epoch_axis

__all__ = ["gradient_rows", "gradient_spec", "scale_rows", "scale_spec", "weight_rows", "weight_spec"]

_FEW = 0.04  # below that, four ticks are parts of a per cent apart
_MOST_TICKS = 64


def scale_rows(diary: Diary, chosen: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Every learned scale as a multiple of what calibration gave: ``epoch``, ``tensor``, ``ratio``, ``chosen``."""
    return [
        {"epoch": each.step / diary.steps, "tensor": name, "ratio": ratio, "chosen": name in chosen}
        for each in diary.moments
        for name, ratio in each.scales.items()
    ]


def scale_spec(diary: Diary, chosen: tuple[str, ...] = ()) -> dict[str, Any]:
    """A line for each scale, those of ``chosen`` tensors in front."""
    y: dict[str, Any] = {
        "field": "ratio",
        "type": "quantitative",
        "title": None,
        "scale": {"type": "log", "nice": False},
    }
    y["axis"] = {"format": "~g", "tickCount": 5}
    tooltip = [
        {"field": "tensor", "title": "tensor"},
        {"field": "ratio", "title": "multiple", "format": ".3f"},
    ]
    shared = {"x": epoch_axis(diary), "y": y, "detail": {"field": "tensor"}, "tooltip": tooltip}
    front = {"transform": [{"filter": "datum.chosen"}], "encoding": shared}
    return {
        **_frame("Scales", "times what calibration gave; thick: the layer chosen"),
        "datasets": {"scales": scale_rows(diary, chosen)},
        "data": {"name": "scales"},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1, "opacity": 0.5, "color": NEUTRAL}, "encoding": shared},
            {"mark": {"type": "line", "strokeWidth": 2.5, "color": INTEGER}, **front},
        ],
    }


def gradient_rows(diary: Diary) -> list[dict[str, Any]]:
    """Norms of the gradients: ``epoch``, ``of`` (weights or scales), ``norm``; zeros have no place on a log scale."""
    rows = []
    for each in diary.moments:
        at = each.step / diary.steps
        for name, norm in (("weights", each.of_weights), ("scales", each.of_grids)):
            if norm:
                rows.append({"epoch": at, "of": name, "norm": norm})
    return rows


def gradient_spec(diary: Diary) -> dict[str, Any]:
    """Two lines: weights and scales."""
    colour: dict[str, Any] = {
        "field": "of",
        "type": "nominal",
        "scale": {"domain": ["weights", "scales"], "range": [INTEGER, ROUNDING]},
        "legend": {"title": None, "orient": "top-right", "direction": "horizontal", "offset": 0},
    }
    y: dict[str, Any] = {"field": "norm", "type": "quantitative", "title": None, "scale": {"type": "log"}}
    y["axis"] = {"format": "~g", "tickCount": 4, "grid": False}
    tooltip = [{"field": "of", "title": "of"}, {"field": "norm", "title": "norm", "format": ".3~g"}]
    return {
        **_frame("Size of the gradients", "norm over all weights, and over all scales"),
        "height": 130,
        "datasets": {"norms": gradient_rows(diary)},
        "data": {"name": "norms"},
        "mark": {"type": "line", "strokeWidth": 1.5},
        "encoding": {"x": epoch_axis(diary), "y": y, "color": colour, "tooltip": tooltip},
    }


def weight_rows(look: Look) -> list[dict[str, Any]]:
    """Bins: ``low``, ``high`` (in steps), ``now`` and ``before`` (shares of the weights)."""
    now, before = _shares(look.now), _shares(look.first)
    return [
        {
            "low": look.low + place * look.width,
            "high": look.low + (place + 1) * look.width,
            "now": one,
            "before": other,
        }
        for place, (one, other) in enumerate(zip(now, before, strict=True))
    ]


def weight_spec(layer: str, look: Look) -> dict[str, Any]:
    """The weights now (bars) and before training (line), with the levels of the grid below."""
    high = look.low + len(look.now.counts) * look.width
    x: dict[str, Any] = {"type": "quantitative", "scale": {"domain": [look.low, high], "nice": False}}
    x["axis"] = {"grid": False, "title": "weight in steps of its scale", "format": "d", "tickMinStep": 1}
    most = max((*_shares(look.now), *_shares(look.first)), default=0.0)
    y = {"type": "quantitative", "title": None, "axis": {"format": ".0%" if most > _FEW else ".1%", "tickCount": 4}}
    levels = look.levels if len(look.levels) <= _MOST_TICKS else (look.levels[0], look.levels[-1])
    tooltip = [
        {"field": "low", "title": "from (steps)", "format": ".2f"},
        {"field": "now", "title": "now", "format": ".2%"},
        {"field": "before", "title": "before", "format": ".2%"},
    ]
    return {
        **_frame(f"Weights of {layer} on the levels of {look.format}", _moved(look)),
        "datasets": {"bins": weight_rows(look), "levels": [{"level": each} for each in levels]},
        "layer": [
            {
                "data": {"name": "levels"},
                "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.35, "color": GRID},
                "encoding": {"x": {**x, "field": "level"}},
            },
            {
                "data": {"name": "bins"},
                "mark": {"type": "bar", "color": INTEGER, "opacity": 0.85, "binSpacing": 0},
                "encoding": {
                    "x": {**x, "field": "low", "bin": "binned"},
                    "x2": {"field": "high"},
                    "y": {**y, "field": "now"},
                    "tooltip": tooltip,
                },
            },
            {
                "data": {"name": "bins"},
                "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.6, "color": ROUNDING},
                "encoding": {"x": {**x, "field": "low"}, "y": {**y, "field": "before"}},
            },
        ],
    }


def _moved(look: Look) -> str:
    text = "bars now, line before"
    if look.moved is not None:
        text += f"; {percent_text(look.moved, 1)} of codes moved"
    if look.now.outside >= 0.0005:
        text += f", {percent_text(look.now.outside, 1)} outside"
    return text


def _shares(shape: Shape) -> list[float]:
    total = max(sum(shape.counts), 1)
    return [count / total for count in shape.counts]


def _frame(title: str, subtitle: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "subtitle": subtitle, "anchor": "start", "fontSize": 13, "subtitleColor": FLOAT},
        "height": HEIGHT,
        "padding": PADDING,
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
