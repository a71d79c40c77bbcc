"""A scale on its way: how rounded weights follow it, and the error over it with the path of learned step sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.lessons.scale_walk import Walk, slopes_of
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, NEUTRAL, TENSOR

__all__ = ["curve_spec", "slope_rows", "slope_spec", "walk_sentence"]

_POINTS = 401
_BARS = 60


def slope_rows(walk: Walk, scale: float) -> list[dict[str, Any]]:
    """Equation 3 over the weights' range, and the true derivative, which is the level alone."""
    reach = 1.08 * float(np.abs(walk.values).max())
    x = np.linspace(-reach, reach, _POINTS)
    learned = slopes_of(x, scale, walk.levels)
    true = np.clip(np.rint(x / scale), *walk.levels)
    return [
        {"x": float(at), "slope": float(slope), "kind": kind}
        for kind, slopes in (("LSQ, equation 3", learned), ("the level alone", true))
        for at, slope in zip(x, slopes, strict=True)
    ]


def slope_spec(walk: Walk, step: int) -> dict[str, Any]:
    """How each rounded value moves with the scale; behind it, where the weights are."""
    scale = float(walk.path[step])
    kinds = {"LSQ, equation 3": CLIPPING, "the level alone": FLOAT}
    reach = 1.08 * float(np.abs(walk.values).max())
    counts, edges = np.histogram(walk.values, np.linspace(-reach, reach, _BARS + 1))
    low, high = walk.levels
    shade = [
        {
            "from": float(a),
            "to": float(b),
            "top": low + (high - low) * 0.9 * float(n / max(counts.max(), 1)),
            "foot": low,
        }
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
        if n
    ]
    x: dict[str, Any] = {"type": "quantitative", "scale": {"domain": [-reach, reach], "nice": False}}
    x |= {"axis": {"grid": False}, "title": "weight"}
    y: dict[str, Any] = {"type": "quantitative", "title": "slope by the scale", "axis": {"tickCount": 5}}
    y["scale"] = {"domain": [low * 1.08, high * 1.08], "nice": False}
    ends = [{"x": end * scale} for end in walk.levels]
    return {
        **chart_frame("How a rounded weight moves with the scale", "", 250),
        "datasets": {"shade": shade, "slopes": slope_rows(walk, scale), "ends": ends},
        "layer": [
            {
                "data": {"name": "shade"},
                "mark": {"type": "rect", "color": TENSOR, "fillOpacity": 0.22},
                "encoding": {
                    "x": x | {"field": "from"},
                    "x2": {"field": "to"},
                    "y": y | {"field": "foot"},
                    "y2": {"field": "top"},
                },
            },
            {
                "data": {"name": "ends"},
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 2},
                "encoding": {"x": x | {"field": "x"}},
            },
            {
                "data": {"name": "slopes"},
                "mark": {"type": "line", "strokeWidth": 1.8, "interpolate": "linear"},
                "encoding": {
                    "x": x | {"field": "x"},
                    "y": y | {"field": "slope"},
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {"domain": list(kinds), "range": list(kinds.values())},
                        "legend": {"title": None, "orient": "top", "offset": 2},
                    },
                    "tooltip": [
                        {"field": "kind"},
                        {"field": "x", "title": "weight", "format": ".3g"},
                        {"field": "slope", "format": ".3f"},
                    ],
                },
            },
        ],
    }


def curve_spec(walk: Walk, step: int) -> dict[str, Any]:
    """The error over the scale, the scales that were visited, and the least error."""
    curve = [{"scale": float(s), "error": 100 * float(e)} for s, e in zip(walk.scales, walk.errors, strict=True)]
    path = [
        {"scale": float(s), "error": 100 * float(e), "step": i}
        for i, (s, e) in enumerate(zip(walk.path[: step + 1], walk.path_errors[: step + 1], strict=True))
    ]
    best = {"scale": walk.best[0], "error": 100 * walk.best[1]}
    marks = [
        {**path[0], "what": "all weights fit", "hue": FLOAT},
        {**best, "what": "least error", "hue": INTEGER},
        {**path[-1], "what": f"step {step}", "hue": CLIPPING},
    ]
    x = {"field": "scale", "type": "quantitative", "title": "scale", "scale": {"zero": False, "nice": False}}
    y: dict[str, Any] = {"field": "error", "type": "quantitative", "title": "squared error (% of the weights' power)"}
    y |= {"scale": {"type": "log", "nice": False}, "axis": {"tickCount": 5, "format": "~g"}}
    tips: list[dict[str, Any]] = [
        {"field": "scale", "format": ".4g"},
        {"field": "error", "title": "error (%)", "format": ".3g"},
    ]
    return {
        **chart_frame("Error over the scale, and the way down", "", 250),
        "datasets": {"curve": curve, "path": path, "marks": marks},
        "layer": [
            {
                "data": {"name": "curve"},
                "mark": {"type": "line", "color": TENSOR, "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "tooltip": tips},
            },
            {
                "data": {"name": "path"},
                "mark": {"type": "point", "filled": True, "color": CLIPPING, "size": 22, "opacity": 0.55},
                "encoding": {"x": x, "y": y, "tooltip": [{"field": "step"}, *tips]},
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "point", "filled": True, "size": 130, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "what",
                        "type": "nominal",
                        "sort": None,
                        "scale": {"domain": [m["what"] for m in marks], "range": [m["hue"] for m in marks]},
                        "legend": {"title": None, "orient": "top", "offset": 2, "columns": 3, "labelLimit": 220},
                    },
                    "tooltip": [{"field": "what"}, *tips],
                },
            },
        ],
    }


def walk_sentence(walk: Walk, step: int) -> str:
    """Where the scale is, what pulls and pushes it, and how near it is to the least error."""
    scale, error = float(walk.path[step]), float(walk.path_errors[step])
    low, high = (scale * end for end in walk.levels)
    beyond = float(np.mean((walk.values < low) | (walk.values > high)))
    pull, push = float(walk.pulls[step]), -float(walk.pushes[step])
    text = f"after {step} steps the scale is {scale:.4g} and {percent_text(beyond, 1)} of the weights are clipped; "
    text += f"those inside pull it down with {pull:.3g}, those clipped push it up with {push:.3g}. "
    first, best = (percent_text(each, 2) for each in (float(walk.path_errors[0]), walk.best[1]))
    return f"{text}Error {percent_text(error, 2)}, at first {first}, at best {best}"
