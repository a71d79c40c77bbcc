"""One layer's weight before and after an algorithm: floats behind, codes in front, in steps of the grid.

Floats and codes have one unit, the share of weights in one step, so that a bar as high as the shade behind it holds as
many weights as lie there in float.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from qexplorer.measure.effects.effect_types import LayerEffect, LayerState
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, TENSOR

__all__ = ["GridPanel", "grid_panels", "grid_spec", "reach_spec"]

_HEIGHT, _LOW = 105, 58  # of a plot; where three stand above each other
_CUT = 2.5  # times the highest shade, where taller bars are cut


@dataclass(frozen=True, slots=True)
class GridPanel:
    """One picture.

    Attributes:
        title: what it shows.
        shades: float weights as (from, to, share in one step).
        bars: codes as (from, to, level, share in one step).
        span: the axis of values, in steps.
        top: the axis of shares.
    """

    title: str
    shades: tuple[tuple[float, float, float], ...]
    bars: tuple[tuple[float, float, float, float], ...]
    span: tuple[float, float]
    top: float


def grid_panels(layer: LayerEffect, without: str, title: str) -> tuple[GridPanel, GridPanel]:
    """Before and after, on the same axes.

    Args:
        layer: the layer.
        without: name of the recipe without the algorithm.
        title: of the algorithm.
    """
    states = (layer.before, layer.after)
    shades = [_shades(state) for state in states]
    bars = [_bars(state) for state in states]
    parts: list[Sequence[tuple[float, ...]]] = [*shades, *bars]
    ends = [(part[0][0], part[-1][1]) for part in parts]
    span = (min(low for low, _ in ends), max(high for _, high in ends))
    shade = max(each[2] for part in shades for each in part)
    top = 1.05 * min(max(each[3] for part in bars for each in part), _CUT * shade)
    titles = (f"Before: {without}", f"After: with {title}")
    one, other = (
        GridPanel(f"{name}, {_error(state)}", tuple(s), tuple(b), span, max(top, 1.05 * shade))
        for name, state, s, b in zip(titles, states, shades, bars, strict=True)
    )
    return one, other


def _error(state: LayerState) -> str:
    return "exact" if state.weight_sqnr_db is None else f"weight {state.weight_sqnr_db:.1f} dB"


def _shades(state: LayerState) -> list[tuple[float, float, float]]:
    return [(a, b, share / (b - a)) for (a, b), share in zip(pairwise(state.edges), state.shares, strict=True)]


def _bars(state: LayerState) -> list[tuple[float, float, float, float]]:
    """A bar for each level over what is rounded to it: a step of even levels, half way to the neighbours of others."""
    levels = state.levels
    even = all(level == round(level) for level in levels)
    gaps = [1.0 if even else b - a for a, b in pairwise(levels)] or [1.0]
    cells = zip([gaps[0], *gaps], [*gaps, gaps[-1]], strict=True)
    return [
        (level - 0.42 * left, level + 0.42 * right, level, 2 * share / (left + right))
        for level, (left, right), share in zip(levels, cells, state.level_shares, strict=True)
    ]


def grid_spec(panel: GridPanel, subtitle: str, *, low: bool = False, named: bool = True) -> dict[str, Any]:
    """The chart of one panel.

    Args:
        panel: what is drawn.
        subtitle: under its title.
        low: whether three charts share the height of two.
        named: whether the axis of values is named here; else below, by the chart that shares it.
    """
    x: dict[str, Any] = {
        "type": "quantitative",
        "title": "weight, in steps of its grid" if named else None,
        "scale": {"domain": list(panel.span), "nice": False},
        "axis": {"grid": False, "format": ".6~g"},
    }
    y: dict[str, Any] = {
        "type": "quantitative",
        "title": "share" if low else "weights in a step",
        "scale": {"domain": [0, panel.top], "nice": False},
        "axis": {"tickCount": 2 if low else 4, "format": ".0%" if panel.top > 0.04 else ".1%"},
    }
    shades = [{"from": a, "to": b, "share": share} for a, b, share in panel.shades if share]
    bars = [{"from": a, "to": b, "level": level, "share": share} for a, b, level, share in panel.bars]
    place = {"x": x | {"field": "from"}, "x2": {"field": "to"}, "y": y | {"field": "share"}, "y2": {"datum": 0}}
    tips = [{"field": "level", "format": ".5~g"}, {"field": "share", "title": "of all weights", "format": ".2%"}]
    return {
        **chart_frame(panel.title, subtitle, _LOW if low else _HEIGHT),
        "datasets": {"shades": shades, "bars": bars},
        "layer": [
            {
                "data": {"name": "shades"},
                "mark": {"type": "rect", "color": FLOAT, "fillOpacity": 0.4, "clip": True},
                "encoding": place
                | {"tooltip": [{"field": "share", "title": "float, share in a step", "format": ".2%"}]},
            },
            {
                "data": {"name": "bars"},
                "mark": {"type": "rect", "color": INTEGER, "fillOpacity": 0.75, "clip": True},
                "encoding": place | {"tooltip": tips},
            },
        ],
    }


def reach_spec(layer: LayerEffect, subtitle: str) -> dict[str, Any]:
    """Largest magnitude of each output channel before and after, for algorithms that scale channels."""
    rows = [
        {"channel": i, "when": when, "reach": reach}
        for when, state in (("before", layer.before), ("after", layer.after))
        for i, reach in enumerate(state.reaches)
    ]
    return {
        **chart_frame("Largest weights: blue before, orange after", subtitle, _LOW),
        "datasets": {"channels": rows},
        "data": {"name": "channels"},
        "mark": {"type": "line", "interpolate": "step", "strokeWidth": 1.8},
        "encoding": {
            "x": {
                "field": "channel",
                "type": "quantitative",
                "title": "output channel",
                "axis": {"format": "d"},
                "scale": {"nice": False},
            },
            "y": {"field": "reach", "type": "quantitative", "title": "|weight|", "axis": {"tickCount": 2}},
            "color": {
                "field": "when",
                "type": "nominal",
                "sort": None,
                "scale": {"domain": ["before", "after"], "range": [TENSOR, CLIPPING]},
                "legend": None,
            },
            "tooltip": [{"field": "channel"}, {"field": "when"}, {"field": "reach", "format": ".4g"}],
        },
    }
