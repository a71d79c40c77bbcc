"""The network in graph order, a cell for each layer, coloured by any measure; a cell is clicked to look closer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, lighter
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, LayerSensitivity, SensitivityReport

__all__ = ["COLOURED_BY", "Colouring", "OrderCell", "order_info", "order_spec"]

_COLUMNS = 8  # cells beside each other, which a telephone has room for
_CELL = 30  # pixels


@dataclass(frozen=True, slots=True)
class Colouring:
    """What cells are coloured by.

    Attributes:
        title: what people call it.
        value: of a layer; None where it has none.
        log: whether colours follow the logarithm.
        worse_is_more: whether the layer that hurts most has the largest value.
        best: value of a layer that does not hurt; None where there is none.
    """

    title: str
    value: Callable[[LayerSensitivity, str], float | None]
    log: bool = True
    worse_is_more: bool = True
    best: float | None = None


def _evaluated(field: str, setup: str = "alone") -> Callable[[LayerSensitivity, str], float | None]:
    def value(layer: LayerSensitivity, rounded: str) -> float | None:
        found: Evaluated | None = layer.exact(rounded if setup == "alone" else "both", setup)
        return None if found is None else getattr(found, field)

    return value


def _foretold(layer: LayerSensitivity, rounded: str) -> float | None:
    found = layer.gradient(rounded)
    return None if found is None else found.loss


def _angle(layer: LayerSensitivity, rounded: str) -> float | None:
    """What a cosine lacks of 1: at 8 bits all cosines are 1.00."""
    found = layer.exact(rounded)
    return None if found is None or found.cosine is None else 1 - found.cosine


COLOURED_BY: Mapping[str, Colouring] = {
    "loss": Colouring("loss, evaluated", _evaluated("loss")),
    "foretold": Colouring("loss, foretold", _foretold),
    "sqnr_db": Colouring("SQNR (dB)", _evaluated("sqnr_db"), log=False, worse_is_more=False),
    "mse": Colouring("MSE of outputs", _evaluated("mse")),
    "cosine": Colouring("1 - cosine", _angle),
    "metric_drop": Colouring("drop of the metric", _evaluated("metric_drop"), log=False, best=0.0),
    "cumulative": Colouring("loss of all up to it", _evaluated("loss", "cumulative")),
    "all_but_one": Colouring("loss of all but it", _evaluated("loss", "all_but_one"), worse_is_more=False),
}
"""What cells may be coloured by, by name."""


@dataclass(frozen=True, slots=True)
class OrderCell:
    """One layer: its place in graph order, its cell, and the value that colours it."""

    place: int
    row: int
    column: int
    layer: str
    op: str
    value: float | None


def order_info(report: SensitivityReport, rounded: str, by: str) -> tuple[OrderCell, ...]:
    """Cells in reading order; of a value that has no logarithm, None."""
    colouring = COLOURED_BY[by]
    cells = []
    for place, layer in enumerate(report.layers):
        value = colouring.value(layer, rounded)
        shown = None if value is None or (colouring.log and value <= 0) else value
        cells.append(OrderCell(place + 1, place // _COLUMNS, place % _COLUMNS, layer.name, layer.op, shown))
    return tuple(cells)


def order_spec(report: SensitivityReport, rounded: str, by: str, chosen: str | None, subtitle: str) -> dict[str, Any]:
    """The picture, in which the layer that hurts most is the darkest; ``chosen`` is framed."""
    colouring = COLOURED_BY[by]
    cells = order_info(report, rounded, by)
    rows = [
        {
            "place": cell.place,
            "row": cell.row,
            "column": cell.column,
            "layer": cell.layer,
            "op": cell.op,
            "value": cell.value,
            "led": cell.layer == chosen,
        }
        for cell in cells
    ]
    shades = [lighter(CLIPPING, 0.12), lighter(CLIPPING, 0.45), CLIPPING]
    colours = {"range": shades if colouring.worse_is_more else shades[::-1]}
    form = ".0e" if colouring.log else ".3g"
    colour = {
        "field": "value",
        "type": "quantitative",
        "scale": _scale(colouring, cells) | colours,
        "legend": {
            "title": colouring.title,
            "orient": "bottom",
            "gradientLength": 180,
            "format": form,
        },
    }
    place = {
        "x": {"field": "column", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.08}},
        "y": {"field": "row", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.08}},
        "tooltip": [
            {"field": "place", "title": "place"},
            {"field": "layer", "title": "layer"},
            {"field": "op", "title": "operator"},
            {"field": "value", "title": colouring.title, "format": ".3g"},
        ],
    }
    height = _CELL * (1 + max((cell.row for cell in cells), default=0))
    return {
        **chart_frame(f"The network in graph order: {colouring.title}", subtitle, height),
        "datasets": {"cells": rows},
        "data": {"name": "cells"},
        "encoding": place,
        "layer": [
            {
                "params": [{"name": "cell", "select": {"type": "point", "fields": ["layer"], "clear": False}}],
                "mark": {"type": "rect", "cursor": "pointer", "cornerRadius": 3},
                "encoding": {
                    "color": {"condition": {"test": "datum.value === null", "value": lighter(FLOAT, 0.6)}, **colour},
                    "stroke": {"condition": {"test": "datum.led", "value": INTEGER}, "value": None},
                    "strokeWidth": {"value": 3},
                },
            },
            {
                "mark": {"type": "text", "fontSize": 11},
                "encoding": {"text": {"field": "place"}, "color": {"value": "#202020"}},
            },
        ],
    }


def _scale(colouring: Colouring, cells: Sequence[OrderCell]) -> dict[str, Any]:
    """Layers of which none hurts are all light, where it is known what that is."""
    if colouring.log:
        return {"type": "log"}
    if colouring.best is None:
        return {}
    known = [colouring.best, *(cell.value for cell in cells if cell.value is not None)]
    return {"domain": [min(known), max(known) if max(known) > colouring.best else colouring.best + 0.01]}
