"""Size moved between channels: their ranges before and after, and the error over how much is moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qexplorer.core.words.numbers import number_text, percent_text
from qexplorer.measure.lessons.channels import Moved, Side
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, INTEGER, NEUTRAL, ROUNDING

__all__ = ["moved_sentence", "moving_spec", "range_rows", "ranges_spec"]

_HEIGHT = 225
_ROOM = 1.15  # above and below: what differs by less is no difference
_FRONTS: dict[Side, str] = {"inputs": "what it reads", "front": "weights in front"}
_OWN = "its weights"


def range_rows(first: Moved, now: Moved, side: Side) -> list[dict[str, Any]]:
    """The largest magnitude of each channel on both sides, before and after; the largest in front first."""
    order = np.argsort(-first.front, kind="stable")
    kinds = ((_FRONTS[side], first.front, now.front), (_OWN, first.weights, now.weights))
    return [
        {"place": place, "channel": int(channel), "kind": kind, "before": float(before[channel]), "after": float(then)}
        for kind, before, after in kinds
        for place, channel in enumerate(order)
        if before[channel] > 0 and (then := after[channel]) > 0
    ]


def ranges_spec(first: Moved, now: Moved, side: Side) -> dict[str, Any]:
    """Two lines a side: thin before, thick after."""
    kinds = {_FRONTS[side]: INTEGER, _OWN: CLIPPING}
    x: dict[str, Any] = {"field": "place", "type": "quantitative", "title": "channel, the largest in front first"}
    x |= {"axis": {"format": "d", "tickMinStep": 1, "grid": False}, "scale": {"nice": False}}
    y: dict[str, Any] = {"type": "quantitative", "title": "largest magnitude"}
    y |= {"scale": {"type": "log", "nice": False}, "axis": {"tickCount": 5, "format": "~g"}}
    colour: dict[str, Any] = {"field": "kind", "type": "nominal", "sort": None, "legend": None}
    colour["scale"] = {"domain": list(kinds), "range": list(kinds.values())}
    tips: list[dict[str, Any]] = [
        {"field": "channel"},
        {"field": "kind", "title": "of"},
        {"field": "before", "format": ".3g"},
        {"field": "after", "format": ".3g"},
    ]
    line: dict[str, Any] = {"type": "line", "interpolate": "step"}
    return {
        **chart_frame(f"Channels: blue {_FRONTS[side]}, orange {_OWN}", "", _HEIGHT),
        "datasets": {"channels": range_rows(first, now, side)},
        "data": {"name": "channels"},
        "encoding": {"x": x, "color": colour, "tooltip": tips},
        "layer": [
            {"mark": line | {"strokeWidth": 1, "opacity": 0.7}, "encoding": {"y": y | {"field": "before"}}},
            {"mark": line | {"strokeWidth": 2.4}, "encoding": {"y": y | {"field": "after"}}},
        ],
    }


def moving_spec(found: Sequence[Moved], now: Moved, side: Side) -> dict[str, Any]:
    """The error over alpha, with nothing moved as a line; of the weights in front too, where those are rounded."""
    first, *rest = found
    names = {"at its output": INTEGER} | ({"of the weights in front": ROUNDING} if side == "front" else {})
    rows: list[dict[str, Any]] = [
        {"alpha": each.alpha, "error": 100 * value, "kind": kind}
        for each in rest
        for kind, value in zip(names, (each.error, each.front_error), strict=False)
        if value is not None
    ]
    told = ("nothing moved", "")  # once, as the two may lie on each other
    held: list[dict[str, Any]] = [
        {"error": 100 * value, "kind": kind, "name": name}
        for kind, value, name in zip(names, (first.error, first.front_error), told, strict=False)
        if value is not None
    ]
    marks = [row for row in rows if row["alpha"] == now.alpha]
    x: dict[str, Any] = {"field": "alpha", "type": "quantitative", "title": "alpha: how much of the size is moved"}
    x |= {"scale": {"domain": [0, 1], "nice": False}, "axis": {"grid": False, "tickCount": 5}}
    y: dict[str, Any] = {"field": "error", "type": "quantitative", "title": "error (% of its size)"}
    values = [row["error"] for row in (*rows, *held)]
    ends = [max(min(values), 1e-6) / _ROOM, max(*values, 1e-6) * _ROOM]
    y |= {"scale": {"type": "log", "domain": ends, "nice": False}, "axis": {"tickCount": 5, "format": "~g"}}
    colour: dict[str, Any] = {"field": "kind", "type": "nominal", "sort": None}
    colour |= {"scale": {"domain": list(names), "range": list(names.values())}}
    tips: list[dict[str, Any]] = [{"field": "alpha"}, {"field": "error", "title": "error (%)", "format": ".3g"}]
    text = {"type": "text", "align": "right", "dy": -6, "dx": -2, "fontSize": 11, "color": NEUTRAL}
    return {
        **chart_frame(
            "Error over alpha" if side == "inputs" else "Error: blue at its output, purple in front", "", _HEIGHT
        ),
        "datasets": {"curve": rows, "held": held, "marks": marks},
        "encoding": {"y": y, "color": colour | {"legend": None}},
        "layer": [
            {"data": {"name": "held"}, "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.4}},
            {
                "data": {"name": "held"},
                "mark": text,
                "encoding": {"x": {"datum": 1, "type": "quantitative"}, "text": {"field": "name"}},
            },
            {
                "data": {"name": "curve"},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"x": x, "tooltip": tips},
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "point", "filled": True, "size": 130, "opacity": 1},
                "encoding": {"x": x, "tooltip": tips},
            },
        ],
    }


def moved_sentence(found: Sequence[Moved], now: Moved, side: Side) -> str:
    """What is moved, how far ranges lie apart before and after, and what that does to the error."""
    first, *rest = found
    front = f"{_apart(now.front)} ({_apart(first.front)} before)"
    own = f"{_apart(now.weights)} ({_apart(first.weights)} before)"
    text = f"at alpha {now.alpha:g} the largest channel has {front} times the range of the median one in "
    text += f"{_FRONTS[side]}, {own} in {_OWN}. "
    best = min(rest, key=lambda each: each.error)
    errors = f"Error at its output {_error(now.error)}, with nothing moved {_error(first.error)}"
    if side == "inputs":
        return f"{text}{errors}, at best {_error(best.error)} at {best.alpha:g}"
    assert now.front_error is not None
    assert first.front_error is not None
    in_front = f"of the weights in front {_error(now.front_error)}, before {_error(first.front_error)}"
    return f"{text}{errors}; {in_front}. Equalization takes alpha 0.5, where both have the same range"


def _apart(sizes: np.ndarray) -> str:
    there = sizes[sizes > 0]
    return number_text(float(there.max() / np.median(there)), 2) if there.size else "0"


def _error(share: float) -> str:
    return percent_text(share, 1 if share >= 0.01 else 2)
