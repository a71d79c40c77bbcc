"""GPTQ as pictures: the Hessian of a layer's inputs, what rounding a column pushes on, and the error that is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.measure.lessons.pushing import Pushing
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, NEUTRAL

__all__ = ["change_rows", "change_spec", "hessian_rows", "hessian_spec", "left_spec", "pushing_sentence"]

_SIDE = 28  # columns of the heat map
_SIGNS = {"together": CLIPPING, "against each other": INTEGER}
_STATES = {"rounded": INTEGER, "still in float": CLIPPING}


def hessian_rows(lesson: Lesson, found: Pushing) -> list[dict[str, Any]]:
    """A cell for each pair of inputs, in the order in which they are rounded; the first 28 where there are more."""
    h = found.hessian[:_SIDE, :_SIDE]
    most = float(np.abs(h).max()) or 1.0
    names = [int(lesson.columns[column]) for column in found.order[:_SIDE]]
    return [
        {
            "one": i,
            "other": j,
            "inputs": f"{names[i]} and {names[j]}",
            "value": float(h[i, j]),
            "sign": "together" if h[i, j] >= 0 else "against each other",
            "strength": float(np.sqrt(abs(h[i, j]) / most)),
        }
        for i in range(len(h))
        for j in range(len(h))
    ]


def hessian_spec(lesson: Lesson, found: Pushing, done: int) -> dict[str, Any]:
    """The matrix; what is rounded already lies above and left of the lines."""
    rows, columns = hessian_rows(lesson, found), len(found.order)
    shown = min(columns, _SIDE)
    bare = {"labels": False, "ticks": False, "domain": False, "grid": False}
    part = "" if shown == columns else f", the first {shown} of {columns}"
    x: dict[str, Any] = {"type": "quantitative", "scale": {"domain": [0, shown], "nice": False}, "axis": bare}
    y = {**x, "scale": {"domain": [0, shown], "nice": False, "reverse": True}}
    edge = [{"at": min(done, shown)}]
    return {
        **chart_frame(f"Hessian of the inputs, X Xᵀ{part}", "", 235),
        "datasets": {
            "pairs": [row | {"right": row["one"] + 1, "below": row["other"] + 1} for row in rows],
            "edge": edge,
        },
        "layer": [
            {
                "data": {"name": "pairs"},
                "mark": {"type": "rect"},
                "encoding": {
                    "x": x | {"field": "one", "title": "inputs, in the order of rounding"},
                    "x2": {"field": "right"},
                    "y": y | {"field": "other", "title": "inputs"},
                    "y2": {"field": "below"},
                    "color": {
                        "field": "sign",
                        "type": "nominal",
                        "scale": {"domain": list(_SIGNS), "range": list(_SIGNS.values())},
                        "legend": {"title": None, "orient": "top", "offset": 2},
                    },
                    "opacity": {"field": "strength", "type": "quantitative", "scale": None, "legend": None},
                    "tooltip": [
                        {"field": "inputs"},
                        {"field": "value", "title": "in means of the diagonal", "format": ".3g"},
                    ],
                },
            },
            {
                "data": {"name": "edge"},
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 2},
                "encoding": {"x": x | {"field": "at"}},
            },
            {
                "data": {"name": "edge"},
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 2},
                "encoding": {"y": y | {"field": "at"}},
            },
        ],
    }


def change_rows(found: Pushing, done: int) -> list[dict[str, Any]]:
    """By how many steps each weight differs from what it was, after ``done`` columns."""
    return [
        {"from": i + 0.1, "to": i + 0.9, "change": float(change), "state": "rounded" if i < done else "still in float"}
        for i, change in enumerate(found.changes[done])
    ]


def change_spec(found: Pushing, done: int) -> dict[str, Any]:
    """A bar for each weight of the row, on axes that stay while columns are rounded."""
    columns, most = len(found.order), float(np.abs(found.changes).max()) or 1.0
    x: dict[str, Any] = {
        "type": "quantitative",
        "scale": {"domain": [0, columns], "nice": False},
        "axis": {"grid": False, "tickMinStep": 1},
    }
    y: dict[str, Any] = {"type": "quantitative", "scale": {"domain": [-most, most], "nice": False}}
    return {
        **chart_frame("Move of each weight: blue rounded, orange in float", "", 88),
        "datasets": {"weights": change_rows(found, done), "edge": [{"at": done}]},
        "layer": [
            {
                "data": {"name": "weights"},
                "mark": {"type": "rect"},
                "encoding": {
                    "x": x | {"field": "from", "title": "weights of the row, in the order of rounding"},
                    "x2": {"field": "to"},
                    "y": y | {"field": "change", "title": "steps", "axis": {"tickCount": 4}},
                    "y2": {"datum": 0},
                    "color": {
                        "field": "state",
                        "type": "nominal",
                        "scale": {"domain": list(_STATES), "range": list(_STATES.values())},
                        "legend": None,
                    },
                    "tooltip": [{"field": "state"}, {"field": "change", "title": "steps", "format": "+.3f"}],
                },
            },
            {
                "data": {"name": "edge"},
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 2},
                "encoding": {"x": x | {"field": "at"}},
            },
        ],
    }


def left_spec(found: Pushing, done: int) -> dict[str, Any]:
    """Error at the row's output over the columns that are rounded, for both ways."""
    ways = {"rounded to nearest": (FLOAT, found.nearest), "GPTQ": (INTEGER, found.pushed)}
    rows = [
        {"done": i, "way": way, "error": 100 * float(error)}
        for way, (_, errors) in ways.items()
        for i, error in enumerate(errors)
    ]
    now = [row for row in rows if row["done"] == done]
    colour = {
        "field": "way",
        "type": "nominal",
        "scale": {"domain": list(ways), "range": [hue for hue, _ in ways.values()]},
        "legend": None,
    }
    x: dict[str, Any] = {"field": "done", "type": "quantitative", "title": "columns rounded"}
    x |= {"scale": {"domain": [0, len(found.order)], "nice": False}, "axis": {"grid": False, "tickMinStep": 1}}
    y = {"field": "error", "type": "quantitative", "title": "% of its size", "axis": {"tickCount": 4}}
    tips: list[dict[str, Any]] = [{"field": "way"}, {"field": "done", "title": "columns"}]
    tips.append({"field": "error", "title": "error (%)", "format": ".3g"})
    return {
        **chart_frame("Error at the row's output: grey nearest, blue GPTQ", "", 88),
        "datasets": {"errors": rows, "now": now},
        "layer": [
            {
                "data": {"name": "errors"},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tips},
            },
            {
                "data": {"name": "now"},
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tips},
            },
        ],
    }


def pushing_sentence(found: Pushing, done: int) -> str:
    """What has happened after so many columns."""
    errors = f"the error at the row's output is {100 * found.pushed[done]:.2g} %, rounded to nearest "
    errors += f"{100 * found.nearest[done]:.2g} %"
    if not done:
        return "nothing is rounded yet; move the slider, and one column after the other goes to its grid"
    if done == len(found.order):
        return f"all {done} weights are on the grid: {errors}"
    moved = float(np.abs(found.changes[done][done:]).max(initial=0.0))
    return (
        f"{done} of {len(found.order)} weights are on the grid; those still in float have moved by up to {moved:.2g} "
        f"steps to make up for them: {errors}"
    )
