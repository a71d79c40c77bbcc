"""AdaRound's choices as a picture: a cell for each weight, what the other way costs, and errors row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qexplorer.measure.lessons.choices import OtherWay, RowError, WeightCell
from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, NEUTRAL, ink_on

__all__ = ["cells_rows", "cells_spec", "cost_rows", "cost_spec", "other_way_sentence", "row_error_spec"]

_WAYS = {"up": CLIPPING, "down": INTEGER}
_STEP = 20  # pixels of a row
_PALE = 0.22  # what stands where nearest has put it


def cells_rows(lesson: Lesson, cells: Sequence[WeightCell], chosen: tuple[int, int]) -> list[dict[str, Any]]:
    """A row of data for each weight."""
    return [
        {
            "row": cell.row,
            "column": cell.column,
            "channel": int(lesson.channels[cell.row]),
            "input": int(lesson.columns[cell.column]),
            "way": "up" if cell.up else "down",
            "mark": "▲" if cell.up else "▼",
            "strength": 1.0 if cell.moved else _PALE,
            "ink": ink_on(_WAYS["up" if cell.up else "down"]) if cell.moved else _WAYS["up" if cell.up else "down"],
            "moved": "another than nearest" if cell.moved else "nearest",
            "value": cell.value,
            "steps": cell.steps,
            "nearest": cell.nearest,
            "learned": cell.learned,
            "chosen": (cell.row, cell.column) == chosen,
        }
        for cell in cells
    ]


def cells_spec(lesson: Lesson, cells: Sequence[WeightCell], chosen: tuple[int, int], bits: int) -> dict[str, Any]:
    """Rows are output channels, columns the inputs that they read; a click on a cell chooses a weight."""
    rows = cells_rows(lesson, cells, chosen)
    height = _STEP * len({row["row"] for row in rows})
    quiet = {"labelOverlap": True, "ticks": False, "domain": False, "labelAngle": 0}
    x = {"field": "input", "type": "ordinal", "sort": None, "title": "input of the row", "axis": quiet}
    y = {"field": "channel", "type": "ordinal", "sort": None, "title": "output channel", "axis": quiet}
    tips: list[dict[str, Any]] = [
        {"field": "value", "title": "weight", "format": ".4g"},
        {"field": "steps", "title": "in steps of the grid", "format": ".2f"},
        {"field": "nearest", "title": "nearest level"},
        {"field": "learned", "title": "AdaRound's level"},
    ]
    colour = {
        "field": "way",
        "type": "nominal",
        "scale": {"domain": list(_WAYS), "range": list(_WAYS.values())},
        "legend": None,
    }
    strength = {"field": "strength", "type": "quantitative", "scale": None, "legend": None}
    return {
        **chart_frame(f"Where AdaRound puts each weight, {bits} bits", "", height),
        "datasets": {"cells": rows},
        "data": {"name": "cells"},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "mark": {"type": "rect"},
                "encoding": {"color": colour, "opacity": strength},
            },
            {
                "mark": {"type": "text", "fontSize": 9, "baseline": "middle"},
                "encoding": {
                    "text": {"field": "mark"},
                    "color": {"field": "ink", "type": "nominal", "scale": None},
                },
            },
            {
                "transform": [{"filter": "datum.chosen"}],
                "mark": {"type": "rect", "filled": False, "stroke": NEUTRAL, "strokeWidth": 3},
            },
            {  # above all, so that a click on a mark is one on its cell
                "params": [{"name": "cell", "select": {"type": "point", "fields": ["row", "column"], "toggle": False}}],
                "mark": {"type": "rect", "fillOpacity": 0, "cursor": "pointer"},
                "encoding": {"tooltip": tips},
            },
        ],
    }


def row_error_spec(rows: Sequence[RowError]) -> dict[str, Any]:
    """A ring for rounding to nearest, a dot for AdaRound."""
    data = [
        {"channel": row.channel, "nearest": 100 * row.nearest, "learned": 100 * row.learned, "place": i}
        for i, row in enumerate(rows)
    ]
    x = {"type": "quantitative", "title": "output error (% of its size): ring nearest, dot AdaRound"}
    y = {"field": "channel", "type": "ordinal", "sort": None, "title": "channel", "axis": {"labelOverlap": True}}
    tips: list[dict[str, Any]] = [
        {"field": "channel", "title": "output channel"},
        {"field": "nearest", "title": "nearest (%)", "format": ".3g"},
        {"field": "learned", "title": "AdaRound (%)", "format": ".3g"},
    ]
    return {
        **chart_frame("Error at the output of each channel", "", 11 * max(len(data), 4)),
        "datasets": {"channels": data},
        "data": {"name": "channels"},
        "encoding": {"y": y, "tooltip": tips},
        "layer": [
            {
                "mark": {"type": "rule", "color": NEUTRAL, "strokeWidth": 2, "opacity": 0.7},
                "encoding": {"x": x | {"field": "learned"}, "x2": {"field": "nearest"}},
            },
            {
                "mark": {"type": "point", "stroke": FLOAT, "strokeWidth": 2, "size": 45, "fill": None},
                "encoding": {"x": x | {"field": "nearest"}},
            },
            {
                "mark": {"type": "point", "filled": True, "color": INTEGER, "size": 55, "opacity": 1},
                "encoding": {"x": x | {"field": "learned"}},
            },
        ],
    }


def cost_rows(found: OtherWay) -> list[dict[str, Any]]:
    """The terms of what the other way costs, in per cent of the row's error with nearest rounding."""
    both = found.totals
    terms = (
        ("by itself", found.alone, False),
        ("against others at nearest", found.with_nearest, False),
        ("sum, others at nearest", both[0], True),
        ("against others as learned", found.with_learned, False),
        ("sum, others as learned", both[1], True),
    )
    return [
        {"term": term, "cost": 100 * cost, "sum": whole, "side": "more error" if cost > 0 else "less error"}
        for term, cost, whole in terms
    ]


def cost_spec(found: OtherWay) -> dict[str, Any]:
    """Bars from 0: to the right the other way costs, to the left it saves."""
    cell = found.cell
    colour = {
        "field": "side",
        "type": "nominal",
        "scale": {"domain": ["more error", "less error"], "range": [CLIPPING, INTEGER]},
        "legend": None,
    }
    axis = {"labelLimit": 190, "ticks": False, "domain": False}
    return {
        **chart_frame(f"If this weight went to {found.other} and not to {cell.nearest}", "", 105),
        "datasets": {"terms": cost_rows(found)},
        "data": {"name": "terms"},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2},
                "encoding": {
                    "y": {"field": "term", "type": "nominal", "sort": None, "title": None, "axis": axis},
                    "x": {"field": "cost", "type": "quantitative", "title": "change of the row's squared error (%)"},
                    "color": colour,
                    "opacity": {"condition": {"test": "datum.sum", "value": 1}, "value": 0.55},
                    "tooltip": [{"field": "term"}, {"field": "cost", "title": "per cent", "format": "+.3g"}],
                },
            },
            {"mark": {"type": "rule", "color": NEUTRAL}, "encoding": {"x": {"datum": 0}}},
        ],
    }


def other_way_sentence(found: OtherWay | None, cell: WeightCell) -> str:
    """What the picture says of one weight."""
    at = f"this weight lies at {cell.steps:.2f} steps; nearest is {cell.nearest}, AdaRound chose {cell.learned}"
    if found is None:
        return f"{at}. The grid has no level on its other side"
    own, meeting, total = (100 * each for each in (found.alone, found.with_learned, found.totals[1]))
    verb = "saves" if meeting < 0 else "adds"
    text = (
        f"{at}. Going to {found.other} costs {_percent(own)} by itself, and {verb} {_percent(meeting)} where its error "
    )
    text += "meets those of the others as learned"
    end = f"{_percent(total)} {'less' if total < 0 else 'more'} error in all"
    return f"{text}: {end}"


def _percent(value: float) -> str:
    return f"{abs(value):.0f} %" if abs(value) >= 9.5 else f"{abs(value):.2g} %"
