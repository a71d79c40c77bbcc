"""A sweep over batch sizes and threads as pictures: throughput against latency with the limit; a map of each variant.

Colours: float grey, quantized variants in their backend's hue, the first one strongest. A cell that was too noisy is
hollow; one beyond the limit is faint. The sweet spot is ringed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.core.words.numbers import number_text
from qexplorer.measure.timing.sweep_types import Cell, Sweep
from qexplorer.report.comparison_charts.values import scaled_unit, title_of
from qexplorer.report.palette import CLIPPING, FLOAT, NEUTRAL, backend_colour, ink_on, lighter
from qexplorer.run.registry import backend_label

__all__ = ["SweepInfo", "SweepPoint", "limits_of", "map_spec", "spot_text", "sweep_info", "sweep_spec"]

_DASHES: tuple[list[int], ...] = ([], [7, 3], [2, 3], [7, 3, 2, 3], [1, 1], [10, 5])
_FADES = (1.0, 0.55, 0.35)


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One cell with numbers, latency in the chart's unit."""

    cell: Cell
    name: str
    colour: str
    fade: float
    latency: float
    within: bool
    best: bool

    @property
    def line(self) -> str:
        """The line that it lies on."""
        return f"{self.name}, {_threads(self.cell.threads)}"


@dataclass(frozen=True, slots=True)
class SweepInfo:
    """What the pictures show.

    Attributes:
        title: what was swept.
        subtitle: model, machine, moment and effort.
        unit: of latencies.
        limit: the limit in that unit.
        names: variants, float first.
        points: cells with numbers.
        left_out: cells without, with the reason, each reason once.
    """

    title: str
    subtitle: str
    unit: str
    limit: float
    names: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    left_out: tuple[tuple[str, str], ...]


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def sweep_info(sweep: Sweep, limit_ms: float) -> SweepInfo:
    """The cells in the unit that suits their latencies; ``limit_ms`` decides which is the sweet spot, per variant."""
    unit, factor = scaled_unit("ms", list(sweep.latencies_ms))
    names = tuple(name for _, name in sweep.variants)
    best = {id(spot) for digest, _ in sweep.variants if (spot := sweep.sweet_spot(limit_ms, digest)) is not None}
    points = []
    for cell in sweep.cells:
        if cell.promised_ms is None:
            continue
        place = [digest for digest, _ in sweep.variants].index(cell.digest)
        colour = FLOAT if place == 0 else backend_colour(sweep.backend)
        fade = 1.0 if place == 0 else _FADES[min(place - 1, len(_FADES) - 1)]
        latency, within = cell.promised_ms * factor, cell.keeps(limit_ms)
        points.append(SweepPoint(cell, names[place], colour, fade, latency, within, id(cell) in best))
    when = sweep.created[:16].replace("T", " ")
    return SweepInfo(
        title=f"Batch and threads on {backend_label(sweep.backend)}",
        subtitle=f"{sweep.model}, {sweep.cpu}, {when} UTC, effort {sweep.effort}",
        unit=unit,
        limit=limit_ms * factor,
        names=names,
        points=tuple(points),
        left_out=_left_out(sweep),
    )


def _left_out(sweep: Sweep) -> tuple[tuple[str, str], ...]:
    """Cells without numbers, those with one reason in one line."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in sweep.cells:
        if cell.promised_ms is None:
            found.setdefault((cell.digest, cell.reason or "not timed"), []).append(cell)
    return tuple((f"{sweep.name(digest)}, {_where(cells)}", reason) for (digest, reason), cells in found.items())


def _where(cells: list[Cell]) -> str:
    batches = ", ".join(str(batch) for batch in sorted({cell.batch for cell in cells}))
    threads = ", ".join(str(count) for count in sorted({cell.threads for cell in cells}))
    return f"batch {batches} on {threads} thread{'' if threads == '1' else 's'}"


def limits_of(sweep: Sweep) -> list[float]:
    """Latency limits to choose from, milliseconds: about 12 to a decade, from below the fastest cell to the slowest."""
    found = sweep.latencies_ms
    if not found:
        return []
    steps = (1.0, 1.2, 1.5, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    scale = 10.0**-6
    limits: list[float] = []
    while not limits or limits[-1] < found[-1]:
        limits += [float(f"{step * scale:.2g}") for step in steps if step * scale >= found[0] / 1.3]
        scale *= 10
    return limits[: next(i for i, limit in enumerate(limits) if limit >= found[-1]) + 1]


def spot_text(sweep: Sweep, limit_ms: float, digest: str) -> str:
    """The sweet spot of one variant in words, or why there is none."""
    name, spot = sweep.name(digest), sweep.sweet_spot(limit_ms, digest)
    if spot is not None and spot.per_s is not None:
        kept = "90 of 100 calls take" if spot.p90_ms is not None else f"the longest of {spot.n} calls took"
        noisy = "" if spot.valid else ", on a busy machine"
        how = f"batch {spot.batch} on {_threads(spot.threads)}"
        return f"{name}: {spot.per_s:,.0f} samples/s at {how}; {kept} at most {_ms(spot.promised_ms)}{noisy}"
    cells = [cell for cell in sweep.of(digest) if cell.promised_ms is not None]
    if not cells:
        return f"{name}: no numbers; the reasons stand below"
    fastest = min(cell.promised_ms or 0.0 for cell in cells)
    return f"{name}: no cell keeps {limit_ms:g} ms; the fastest takes {_ms(fastest)}"


def _ms(value: float | None) -> str:
    unit, factor = scaled_unit("ms", [value or 0.0])
    return f"{number_text((value or 0.0) * factor)} {unit}"


def sweep_spec(info: SweepInfo, *, height: int = 380) -> dict[str, Any]:
    """Throughput against latency: a line for each variant and number of threads, along its batch sizes; the limit."""
    x = {"field": "latency", "type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 12}}
    x |= {
        "title": f"latency of a call that 90 of 100 keep ({info.unit}, logarithmic)",
        "axis": {"tickCount": 6, "grid": False},
    }
    y = {"field": "per_s", "type": "quantitative", "scale": {"zero": True}, "title": "throughput (samples/s)"}
    at: dict[str, Any] = {"x": x, "y": y}
    colours = {p.name: p.colour for p in info.points}
    colour: dict[str, Any] = {"field": "name", "type": "nominal"}
    colour["scale"] = {"domain": list(colours), "range": list(colours.values())}
    colour["legend"] = {"title": None, "orient": "top", "symbolType": "circle"}
    lines = list(dict.fromkeys(_threads(p.cell.threads) for p in info.points))
    dash = {
        "field": "threads",
        "type": "nominal",
        "scale": {"domain": lines, "range": [_DASHES[i % len(_DASHES)] for i in range(len(lines))]},
        "legend": {
            "title": None,
            "orient": "top",
            "symbolType": "stroke",
            "symbolSize": 400,
            "symbolStrokeColor": NEUTRAL,
        },
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2, "opacity": 0.45},
        "encoding": at | {"color": colour, "detail": {"field": "line"}},
    }
    line["encoding"] |= {"strokeDash": dash, "order": {"field": "batch"}}
    return {
        "title": title_of(info.title, info.subtitle),
        "datasets": {
            "cells": _rows(info),
            "limit": [{"latency": info.limit, "text": f"limit {info.limit:.3g} {info.unit}"}],
        },
        "data": {"name": "cells"},
        "height": height,
        "layer": [
            line,
            *(_dots(at, colour, valid=valid) for valid in (True, False)),
            _rings(at, colour),
            _labels(at),
            *_limit(x),
        ],
    }


def _rows(info: SweepInfo) -> list[dict[str, Any]]:
    return [
        {
            "name": p.name,
            "line": p.line,
            "threads": _threads(p.cell.threads),
            "batch": p.cell.batch,
            "latency": p.latency,
            "per_s": p.cell.per_s,
            "text": f"{p.cell.batch}",
            "spot": f"{p.name}: batch {p.cell.batch}, {_threads(p.cell.threads)}",
            "colour": p.colour,
            "fade": p.fade if p.within else 0.35 * p.fade,
            "valid": p.cell.valid,
            "within": p.within,
            "best": p.best,
            "n": p.cell.n,
            "note": p.cell.reason or "",
        }
        for p in info.points
    ]


def _tooltip() -> list[dict[str, Any]]:
    return [
        {"field": "name", "title": "run"},
        {"field": "batch", "title": "batch"},
        {"field": "threads", "title": "on"},
        {"field": "per_s", "title": "samples/s", "format": ",.0f"},
        {"field": "latency", "title": "90 of 100 calls within", "format": ".3~g"},
        {"field": "n", "title": "calls"},
        {"field": "note", "title": "note"},
    ]


def _dots(at: dict[str, Any], colour: dict[str, Any], *, valid: bool) -> dict[str, Any]:
    mark: dict[str, Any] = {"type": "point", "size": 55, "strokeWidth": 1.6}
    mark |= {"filled": True} if valid else {"fill": "transparent", "strokeDash": [2, 2]}
    fade = {"field": "fade", "type": "quantitative", "scale": None}
    where = {"filter": f"datum.valid === {'true' if valid else 'false'}"}
    return {
        "transform": [where],
        "mark": mark,
        "encoding": at | {"color": colour, "opacity": fade, "tooltip": _tooltip()},
    }


def _rings(at: dict[str, Any], colour: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "point", "size": 260, "strokeWidth": 2.4, "fill": "transparent"}
    return {"transform": [{"filter": "datum.best"}], "mark": mark, "encoding": at | {"color": colour}}


def _labels(at: dict[str, Any]) -> dict[str, Any]:
    """The batch size at each point."""
    mark = {"type": "text", "dx": 8, "dy": 9, "fontSize": 9, "color": NEUTRAL, "align": "left"}
    return {"mark": mark, "encoding": at | {"text": {"field": "text"}}}


def _limit(x: dict[str, Any]) -> list[dict[str, Any]]:
    rule = {"type": "rule", "color": CLIPPING, "strokeWidth": 2}
    text = {"type": "text", "color": CLIPPING, "align": "right", "dx": -5, "dy": 4, "y": 0, "baseline": "top"}
    place = {"x": x | {"field": "latency"}}
    return [
        {"data": {"name": "limit"}, "mark": rule, "encoding": place},
        {"data": {"name": "limit"}, "mark": text, "encoding": place | {"text": {"field": "text"}}},
    ]


def map_spec(info: SweepInfo, name: str) -> dict[str, Any]:
    """The cells of one variant as a map, batch by threads: throughput in words and as shade; the sweet spot framed."""
    rows = [row for row in _rows(info) if row["name"] == name]
    most = max((row["per_s"] for row in rows), default=1.0) or 1.0
    colour = next((p.colour for p in info.points if p.name == name), NEUTRAL)
    for row in rows:
        shade = lighter(colour, 0.15 + 0.85 * row["per_s"] / most)
        looks = {"fill": shade, "ink": ink_on(shade)} if row["within"] else {"fill": "transparent", "ink": NEUTRAL}
        row |= {**looks, "cell": _short(row["per_s"])}
    axis = {"domain": False, "ticks": False, "labelAngle": 0}
    at = {
        "x": {"field": "batch", "type": "ordinal", "title": "samples in a call", "axis": axis},
        "y": {"field": "threads", "type": "ordinal", "title": None, "axis": axis, "sort": None},
    }
    fill, ink = ({"field": name, "type": "nominal", "scale": None} for name in ("fill", "ink"))
    frame = {"type": "rect", "fill": "transparent", "stroke": CLIPPING, "strokeWidth": 2.5}
    text = {"type": "text", "fontSize": 12}
    return {
        "title": title_of(f"{name}: samples/s", f"without a colour: beyond the limit of {info.limit:.3g} {info.unit}"),
        "datasets": {"map": rows},
        "data": {"name": "map"},
        "height": {"step": 34},
        "layer": [
            {"mark": {"type": "rect"}, "encoding": at | {"color": fill, "tooltip": _tooltip()}},
            {"transform": [{"filter": "datum.best"}], "mark": frame, "encoding": at},
            {"mark": text, "encoding": at | {"text": {"field": "cell"}, "color": ink}},
        ],
    }


def _short(per_s: float) -> str:
    """``12.3k`` for 12,345: what fits into a cell."""
    if per_s < 1000:
        return number_text(per_s)
    return f"{number_text(per_s / 1e3)}k" if per_s < 1e6 else f"{number_text(per_s / 1e6)}M"
