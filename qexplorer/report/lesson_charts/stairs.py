"""The staircase of rounding with its two derivatives, and the way of one weight through it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from qexplorer.measure.lessons.stairs import Staircase, Training
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, GRID, INTEGER, NEUTRAL

__all__ = ["derivative_spec", "loss_spec", "stair_rows", "stairs_spec", "step_sentence", "way_spec", "window_of"]

_WHOLE = 17  # levels that are drawn together
_AROUND = 6.0  # steps on both sides, where there are more


def window_of(stairs: Staircase, at: float) -> tuple[float, float]:
    """What is drawn, in steps: the whole grid and a little beyond, or the surroundings of ``at``."""
    if len(stairs.levels) <= _WHOLE:
        return stairs.levels[0] - 1.5, stairs.levels[-1] + 1.5
    middle = float(np.clip(at, stairs.levels[0], stairs.levels[-1]))
    return middle - _AROUND, middle + _AROUND


def stair_rows(stairs: Staircase, window: tuple[float, float]) -> list[dict[str, float]]:
    """Corners of the staircase inside a window, from left to right."""
    low, high = window
    corners = [(low, stairs.rounded(low))]
    for jump, (below, above) in zip(stairs.jumps, pairwise(stairs.levels), strict=True):
        if low < jump < high:
            corners += [(jump, below), (jump, above)]
    corners.append((high, stairs.rounded(high)))
    return [{"x": x, "y": float(y), "order": i} for i, (x, y) in enumerate(corners)]


def _x(window: tuple[float, float], title: str | None) -> dict[str, Any]:
    scale = {"domain": list(window), "nice": False}
    return {"field": "x", "type": "quantitative", "title": title, "scale": scale, "axis": {"grid": False}}


def stairs_spec(stairs: Staircase, at: float, bits: int) -> dict[str, Any]:
    """The staircase beside the straight line, and where the weight is on both."""
    window = window_of(stairs, at)
    x = _x(window, None)
    inside = {"domain": [min(window[0], -1), window[1]], "nice": False}
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": "rounded, in steps", "scale": inside}
    y["axis"] = {"tickCount": 5}
    line = [{"x": window[0], "y": window[0]}, {"x": window[1], "y": window[1]}]
    now = [{"x": at, "y": float(stairs.rounded(at))}]
    return {
        **chart_frame(f"Rounding to {bits} bits is a staircase", "", 150),
        "datasets": {"stairs": stair_rows(stairs, window), "line": line, "now": now},
        "layer": [
            {
                "data": {"name": "line"},
                "mark": {"type": "line", "color": FLOAT, "strokeDash": [5, 4], "clip": True},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "stairs"},
                "mark": {"type": "line", "color": INTEGER, "strokeWidth": 2.5, "clip": True},
                "encoding": {"x": x, "y": y, "order": {"field": "order", "type": "quantitative"}},
            },
            {
                "data": {"name": "now"},
                "mark": {"type": "point", "filled": True, "color": CLIPPING, "size": 110, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "tooltip": [
                        {"field": "x", "title": "weight (steps)", "format": ".3f"},
                        {"field": "y", "title": "rounds to"},
                    ],
                },
            },
        ],
    }


def derivative_spec(stairs: Staircase, at: float) -> dict[str, Any]:
    """The true derivative, which is 0 wherever there is one, and the straight-through one."""
    window = window_of(stairs, at)
    low, high = (float(np.clip(end, *window)) for end in (stairs.levels[0], stairs.levels[-1]))
    through = [(window[0], 0), (low, 0), (low, 1), (high, 1), (high, 0), (window[1], 0)]
    if stairs.levels[0] < window[0]:
        through = through[2:]
    if stairs.levels[-1] > window[1]:
        through = through[:-2]
    jumps = [{"x": jump} for jump in stairs.jumps if window[0] < jump < window[1]]
    kinds = {"straight through": CLIPPING, "true": INTEGER}
    rows = [{"x": x, "y": y, "kind": "straight through", "order": i} for i, (x, y) in enumerate(through)]
    rows += [{"x": x, "y": 0, "kind": "true", "order": i} for i, x in enumerate(window)]
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": "slope", "axis": {"values": [0, 1]}}
    y["scale"] = {"domain": [-0.08, 1.15], "nice": False}
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(kinds), "range": list(kinds.values())},
        "legend": None,
    }
    return {
        **chart_frame("Its slope: blue the true one, orange straight through", "", 58),
        "datasets": {"lines": rows, "jumps": jumps or [{"x": None}]},
        "layer": [
            {
                "data": {"name": "jumps"},
                "mark": {"type": "rule", "color": INTEGER, "strokeDash": [2, 3], "opacity": 0.55},
                "encoding": {"x": _x(window, "weight, in steps of its grid")},
            },
            {
                "data": {"name": "lines"},
                "mark": {"type": "line", "strokeWidth": 2.5},
                "encoding": {
                    "x": _x(window, "weight, in steps of its grid"),
                    "y": y,
                    "color": colour,
                    "order": {"field": "order", "type": "quantitative"},
                },
            },
        ],
    }


def way_spec(training: Training, column: int, stairs: Staircase) -> dict[str, Any]:
    """The weight and the level that it rounds to, step after step, between the jumps."""
    kinds = {"weight": CLIPPING, "its level": INTEGER}
    weights, levels = training.weights[:, column], training.levels[:, column]
    rows = [
        {"step": step, "kind": kind, "y": float(value)}
        for kind, values in zip(kinds, (weights, levels), strict=True)
        for step, value in enumerate(values)
    ]
    low = float(min(weights.min(), levels.min())) - 0.6
    high = float(max(weights.max(), levels.max())) + 0.6
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": "in steps of the grid"}
    y |= {"scale": {"domain": [low, high], "nice": False}, "axis": {"grid": False, "tickCount": 5}}
    last = max(len(weights) - 1, 10)
    x: dict[str, Any] = {"field": "step", "type": "quantitative", "title": "steps of training"}
    x |= {"scale": {"domain": [0, last], "nice": False}, "axis": {"grid": False, "tickMinStep": 1}}
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(kinds), "range": list(kinds.values())},
        "legend": None,
    }
    tips: list[dict[str, Any]] = [
        {"field": "kind"},
        {"field": "step"},
        {"field": "y", "title": "steps", "format": ".3f"},
    ]
    return {
        **chart_frame("Orange the weight, blue its level, dashed the jumps", "", 150),
        "datasets": {
            "way": rows,
            "jumps": [{"y": jump} for jump in stairs.jumps if low < jump < high] or [{"y": None}],
        },
        "layer": [
            {
                "data": {"name": "jumps"},
                "mark": {"type": "rule", "color": GRID, "strokeDash": [4, 4]},
                "encoding": {"y": y},
            },
            {
                "data": {"name": "way"},
                "transform": [{"filter": "datum.kind == 'its level'"}],
                "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tips},
            },
            {
                "data": {"name": "way"},
                "transform": [{"filter": "datum.kind == 'weight'"}],
                "mark": {"type": "line", "point": {"size": 32, "filled": True}, "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tips},
            },
        ],
    }


def loss_spec(training: Training) -> dict[str, Any]:
    """The row's error after each step."""
    rows = [{"step": step, "error": 100 * float(np.sqrt(loss))} for step, loss in enumerate(training.losses)]
    last = max(len(rows) - 1, 10)
    x: dict[str, Any] = {"field": "step", "type": "quantitative", "title": "steps of training"}
    x |= {"scale": {"domain": [0, last], "nice": False}, "axis": {"grid": False, "tickMinStep": 1}}
    return {
        **chart_frame("Error at the row's output", "", 58),
        "datasets": {"losses": rows},
        "data": {"name": "losses"},
        "mark": {"type": "line", "color": NEUTRAL, "point": {"color": NEUTRAL, "size": 25}, "strokeWidth": 2},
        "encoding": {
            "x": x,
            "y": {
                "field": "error",
                "type": "quantitative",
                "title": "%",
                "axis": {"tickCount": 3, "format": ".3~g"},
                "scale": {"zero": False},
            },
            "tooltip": [{"field": "step"}, {"field": "error", "title": "% of its size", "format": ".3g"}],
        },
    }


def step_sentence(training: Training, column: int, stairs: Staircase) -> str:
    """What the last step did to one weight."""
    taken = len(training.gradients)
    if not taken:
        at = training.weights[0, column]
        return f"the weight begins at {at:.3f} steps and rounds to {training.levels[0, column]:.0f}; take a step"
    before, after = training.weights[taken - 1 : taken + 1, column]
    gradient = training.gradients[taken - 1, column]
    old, new = training.levels[taken - 1 : taken + 1, column]
    code = f"its level goes from {old:.0f} to {new:.0f}" if old != new else f"its level stays {new:.0f}"
    scale = stairs.scale
    return (
        f"step {taken}: weight {before * scale:.5g}, gradient {gradient:+.3g}, times the rate {training.rate:.3g}: new "
        f"weight {after * scale:.5g} ({before:.3f} → {after:.3f} steps); {code}"
    )
