"""The fidelity ladder as pictures: one rung per stage, and what happens layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.core.results import Status
from qexplorer.measure.ladder.ladder_types import LOW_SQNR_DB, BackendRung, ExactRung, Ladder
from qexplorer.report.chart_files.csv_text import rows_csv
from qexplorer.report.ladder_words import badge, percent
from qexplorer.report.palette import CLIPPING, FLOAT, NEUTRAL, backend_colour

__all__ = ["LayerLine", "RungBar", "ladder_csv", "layer_lines", "layer_spec", "rung_bars", "rung_spec", "sqnr_spec"]

_ROW, _HEIGHT = 46, 240
_PADDING = {"left": 0, "top": 2, "right": 6, "bottom": 2}


@dataclass(frozen=True, slots=True)
class RungBar:
    """One rung.

    Attributes:
        name: the stage that it leads to.
        share: share of samples with the class that the stage before names; None if unknown.
        text: what stands over the bar.
        colour: its hue.
        hollow: drawn as an outline (simulated), or not filled because nothing may be shown.
    """

    name: str
    share: float | None
    text: str
    colour: str
    hollow: bool


def rung_bars(ladder: Ladder) -> tuple[RungBar, ...]:
    """Float, simulated, exact integers if there is such a rung, and each backend."""
    found = ladder.simulated
    bars = [RungBar("float", 1.0, f"{ladder.model}, {ladder.n} samples of {ladder.data}", FLOAT, hollow=False)]
    text = "failed"
    if found.failed is None:
        text = f"{percent(found.agreement)} same class" if found.agreement is not None else "no classes"
        text += "" if found.sqnr_db is None else f", SQNR {found.sqnr_db:.1f} dB"
    bars.append(RungBar("simulated", found.agreement, text, FLOAT, hollow=True))
    exact = ladder.exact
    if exact is not None and exact.why_not is None:
        bars.append(RungBar("exact integers", exact.agreement, _exact_text(exact), NEUTRAL, hollow=False))
    for rung in ladder.rungs:
        shown = rung.status is Status.OK
        bars.append(RungBar(rung.label, rung.agreement, _rung_text(rung), backend_colour(rung.backend), not shown))
    return tuple(bars)


def _exact_text(rung: ExactRung) -> str:
    parts = ["the simulation in every bit" if rung.exact else "reference of the backends"]
    if rung.worst_steps is not None and not rung.exact:
        parts.append(f"{rung.worst_steps:.3g} step{'' if rung.worst_steps == 1 else 's'} from simulated")
    if rung.agreement is not None:
        parts.append(f"{percent(rung.agreement)} same class")
    return ", ".join(parts)


def _rung_text(rung: BackendRung) -> str:
    parts = [badge(rung)]
    if rung.worst_steps is not None and rung.worst_steps > 1:
        parts.append(f"{rung.worst_steps:.3g} steps")
    if rung.agreement is not None:
        parts.append(f"{percent(rung.agreement)} same class")
    return ", ".join(parts)


def rung_spec(ladder: Ladder, subtitle: str) -> dict[str, Any]:
    """A bar for each rung from 0 to the share of samples that it answers as the one before, its text above it."""
    rows = [
        {
            "rung": bar.name,
            "share": bar.share or 0.0,
            "text": bar.text,
            "colour": bar.colour,
            "fill": 0.0 if bar.hollow else 0.9,
            "zero": 0,
        }
        for bar in rung_bars(ladder)
    ]
    y = {"field": "rung", "type": "nominal", "sort": None, "title": None, "scale": {"paddingInner": 0.3}}
    y["axis"] = {"labelLimit": 210, "ticks": False, "domain": False}
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5, "grid": False}}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    tooltip = [{"field": "rung", "title": "rung"}, {"field": "text", "title": "what"}]
    return {
        "title": _title(f"Fidelity ladder of {ladder.recipe}", subtitle),
        "datasets": {"rungs": rows},
        "data": {"name": "rungs"},
        "height": {"step": _ROW},
        "padding": _PADDING,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [
            {
                "mark": {"type": "bar", "height": 12, "cornerRadiusEnd": 2, "strokeWidth": 1.5, "yOffset": 9},
                "encoding": {
                    "y": y,
                    "x": x | {"field": "share", "title": "samples with the same class as one rung above"},
                    "fill": colour,
                    "stroke": colour,
                    "fillOpacity": {"field": "fill", "type": "quantitative", "scale": None},
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dy": -7, "dx": 2, "fontSize": 12, "color": NEUTRAL},
                "encoding": {"y": y, "x": x | {"field": "zero", "title": None}, "text": {"field": "text"}},
            },
        ],
    }


@dataclass(frozen=True, slots=True)
class LayerLine:
    """One point of the layer chart: where in the order of execution, what, and how far apart."""

    place: int
    layer: str
    op: str
    backend: str
    label: str
    steps: float
    alone: float
    share: float
    wrong: bool


def layer_lines(ladder: Ladder) -> tuple[LayerLine, ...]:
    """Every rounding point of every backend that could be seen; places are those of the longest list of layers."""
    order = _order(ladder)
    return tuple(
        LayerLine(
            order[point.tensor],
            point.layer,
            point.op,
            rung.backend,
            rung.label,
            point.steps,
            point.alone_steps,
            point.share,
            point.wrong,
        )
        for rung in ladder.rungs
        for point in rung.points
    )


def _order(ladder: Ladder) -> dict[str, int]:
    """Places of tensors in the order of execution. Points that one backend hides are known from another."""
    order: list[str] = []
    for rung in sorted(ladder.rungs, key=lambda rung: -len(rung.points)):
        at = 0
        for point in rung.points:
            if point.tensor in order:
                at = order.index(point.tensor) + 1
            else:
                order.insert(at, point.tensor)
                at += 1
    return {tensor: place for place, tensor in enumerate(order)}


def layer_spec(ladder: Ladder, subtitle: str) -> dict[str, Any]:
    """Steps between each backend's codes and the simulation's, layer by layer: together (line) and alone (rings;
    crosses where a layer is wrong by itself)."""
    rows = [
        {
            "place": line.place,
            "layer": line.layer,
            "op": line.op,
            "backend": line.label,
            "steps": line.steps,
            "alone": line.alone,
            "share": line.share,
            "wrong": line.wrong,
        }
        for line in layer_lines(ladder)
    ]
    x: dict[str, Any] = {"field": "place", "type": "quantitative", "title": "layers in order of execution"}
    x["axis"] = {"tickMinStep": 1, "grid": False, "format": "d"}
    y: dict[str, Any] = {
        "type": "quantitative",
        "title": "worst difference (steps)",
        "scale": {"type": "symlog", "domainMin": 0},
    }
    y["axis"] = {"tickCount": 6, "format": "~s"}
    told = [rung for rung in ladder.rungs if rung.points]
    hues = {"domain": [rung.label for rung in told], "range": [backend_colour(rung.backend) for rung in told]}
    colour = {
        "field": "backend",
        "type": "nominal",
        "scale": hues,
        "legend": {"title": None, "orient": "top", "labelLimit": 300},
    }
    tooltip: list[dict[str, Any]] = [
        {"field": "layer", "title": "layer"},
        {"field": "op", "title": "operator"},
        {"field": "backend", "title": "backend"},
        {"field": "steps", "title": "steps, together", "format": ".3g"},
        {"field": "alone", "title": "steps, alone", "format": ".3g"},
        {"field": "share", "title": "codes that differ", "format": ".2%"},
    ]
    shared = {"x": x, "stroke": colour, "tooltip": tooltip}
    return {
        "title": _title("Where backends part from the simulation", subtitle),
        "datasets": {"points": rows},
        "data": {"name": "points"},
        "height": _HEIGHT,
        "padding": _PADDING,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [
            _rule(1.0, "1 step"),
            {
                "mark": {"type": "line", "strokeWidth": 1.8, "interpolate": "step-after"},
                "encoding": {**shared, "y": y | {"field": "steps"}, "detail": {"field": "backend"}},
            },
            {
                "mark": {"type": "point", "size": 34, "filled": False, "strokeWidth": 1.4},
                "encoding": {**shared, "y": y | {"field": "alone"}},
            },
            {
                "transform": [{"filter": "datum.wrong"}],
                "mark": {"type": "point", "shape": "cross", "size": 70, "filled": True, "color": CLIPPING},
                "encoding": {"x": x, "y": y | {"field": "alone"}, "tooltip": tooltip},
            },
        ],
    }


def sqnr_spec(ladder: Ladder, subtitle: str) -> dict[str, Any]:
    """SQNR of each layer's output, simulated against float."""
    rows = [
        {
            "place": place,
            "layer": layer.layer,
            "op": layer.op,
            "sqnr": layer.sqnr_db,
            "relative": layer.relative,
            "steps": layer.steps,
        }
        for place, layer in enumerate(ladder.simulated.layers)
        if layer.sqnr_db is not None
    ]
    x: dict[str, Any] = {"field": "place", "type": "quantitative", "title": "layers in order of execution"}
    x["axis"] = {"tickMinStep": 1, "grid": False, "format": "d"}
    y = {"field": "sqnr", "type": "quantitative", "title": "SQNR (dB)", "scale": {"zero": True}}
    tooltip: list[dict[str, Any]] = [
        {"field": "layer", "title": "layer"},
        {"field": "op", "title": "operator"},
        {"field": "sqnr", "title": "SQNR (dB)", "format": ".1f"},
        {"field": "relative", "title": "relative error", "format": ".2%"},
        {"field": "steps", "title": "worst error (steps)", "format": ".3g"},
    ]
    encoding = {"x": x, "y": y, "tooltip": tooltip}
    return {
        "title": _title(f"Float against simulated, {ladder.simulated.layers_n} samples", subtitle),
        "datasets": {"layers": rows},
        "data": {"name": "layers"},
        "height": _HEIGHT,
        "padding": _PADDING,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [
            _rule(LOW_SQNR_DB, f"{LOW_SQNR_DB:g} dB"),
            {"mark": {"type": "line", "color": FLOAT, "strokeWidth": 1.8}, "encoding": encoding},
            {"mark": {"type": "point", "color": FLOAT, "filled": False, "size": 34}, "encoding": encoding},
        ],
    }


def _rule(at: float, text: str) -> dict[str, Any]:
    """A dashed line across the chart with its name at the left."""
    return {
        "data": {"values": [{"at": at, "text": text}]},
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": CLIPPING},
                "encoding": {"y": {"field": "at", "type": "quantitative"}},
            },
            {
                "mark": {"type": "text", "align": "left", "baseline": "bottom", "dy": -2, "color": CLIPPING},
                "encoding": {
                    "y": {"field": "at", "type": "quantitative"},
                    "x": {"value": 4},
                    "text": {"field": "text"},
                },
            },
        ],
    }


def _title(text: str, subtitle: str) -> dict[str, Any]:
    return {"text": text, "subtitle": subtitle, "anchor": "start", "subtitleColor": NEUTRAL, "subtitleFontSize": 11}


def ladder_csv(ladder: Ladder) -> str:
    """Every point of both layer charts, one line each."""
    header = ["rung", "place", "layer", "operator", "sqnr_db", "relative", "steps", "steps_alone", "share_differing"]
    lines: list[list[object]] = [
        ["simulated", place, layer.layer, layer.op, layer.sqnr_db, layer.relative, layer.steps, None, None]
        for place, layer in enumerate(ladder.simulated.layers)
    ]
    lines += [
        [line.backend, line.place, line.layer, line.op, None, None, line.steps, line.alone, line.share]
        for line in layer_lines(ladder)
    ]
    return rows_csv(header, lines)
