"""The error of a tensor over the range of its grid, with the range that each calibrator chooses on the curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, NEUTRAL, ROUNDING, TENSOR

if TYPE_CHECKING:
    from qexplorer.observe.clip_curve import ClipCurve, ClipPoint

__all__ = ["clip_curve_spec"]

_ROOM = 100.0  # times the largest error, above which the axis leaves room for names
_PARTS = {"rounding and clipping": NEUTRAL, "rounding": ROUNDING, "clipping": CLIPPING}


def clip_curve_spec(
    curve: ClipCurve, *, title: str, subtitle: str, titles: dict[str, str], now: tuple[float, float] | None = None
) -> dict[str, Any]:
    """A Vega-Lite chart: three curves on logarithmic axes, a mark for each calibrator, and the range in use.

    Args:
        curve: the errors.
        title: the tensor.
        subtitle: format, machine and date.
        titles: what to call each calibrator.
        now: share of the whole range in use, and its mean squared error; None where there is no single grid.
    """
    x = {"type": "quantitative", "scale": {"type": "log", "nice": False}, "title": "clip range, share of the whole one"}
    x |= {"field": "share", "axis": {"format": ".0%", "grid": False, "tickCount": 6}}
    rows = _curve(curve)
    ends = [row["mse"] for row in rows] or [1e-9, 1.0]
    scale = {"type": "log", "domain": [min(ends), _ROOM * max(ends)], "nice": False}
    y = {"field": "mse", "type": "quantitative", "title": "mean squared error", "scale": scale}
    y |= {"axis": {"format": ".0e", "tickCount": 5, "gridOpacity": 0.4}}
    legend = {"title": None, "orient": "top", "symbolType": "stroke"}
    hues = {"domain": list(_PARTS), "range": list(_PARTS.values())}
    colour = {"field": "part", "type": "nominal", "scale": hues, "legend": legend}
    tips = [
        {"field": "name", "title": "range"},
        {"field": "share", "title": "of the whole", "format": ".1%"},
        {"field": "low", "title": "from", "format": ".4g"},
        {"field": "high", "title": "to", "format": ".4g"},
        {"field": "sqnr", "title": "dB", "format": ".1f"},
    ]
    at = {"x": x, "y": y}
    marked = {"data": {"name": "chosen"}, "encoding": at | {"tooltip": tips}}
    dot = {"type": "point", "filled": True, "size": 90, "color": TENSOR, "opacity": 1}
    names = {"type": "text", "align": "right", "dx": -2, "fontSize": 11, "color": NEUTRAL, "fontWeight": 600}
    layers: list[dict[str, Any]] = [
        {"data": {"name": "curve"}, "mark": {"type": "line", "strokeWidth": 2}, "encoding": at | {"color": colour}},
        {**marked, "mark": dot},
    ]
    chosen = _chosen(curve, titles)
    for step in range(sum(bool(row["text"]) for row in chosen)):  # one above the other: none lies on another one
        own = {"data": {"name": "chosen"}, "transform": [{"filter": f"datum.step === {step} && datum.text"}]}
        place = {"x": x, "y": {"value": 10 + 15 * step}}
        layers.append(own | {"mark": names, "encoding": place | {"text": {"field": "text"}}})
        lead = {"type": "rule", "color": NEUTRAL, "opacity": 0.6}
        layers.append(own | {"mark": lead, "encoding": at | {"y2": {"value": 10 + 15 * step}}})
    if now is not None:
        here = {"data": {"values": [{"share": now[0], "mse": now[1], "name": "in use"}]}, "encoding": at}
        ring = {"type": "point", "size": 260, "strokeWidth": 2, "color": CLIPPING, "filled": False}
        layers.append({**here, "mark": ring})
    return {
        **chart_frame(title, subtitle, 350),
        "autosize": {"type": "fit", "contains": "padding"},
        "datasets": {"curve": rows, "chosen": chosen},
        "layer": layers,
    }


def _curve(curve: ClipCurve) -> list[dict[str, Any]]:
    """Each part of the error at each range; a part that is zero has no place on a logarithmic axis."""
    rows = []
    for point in curve.points:
        error = point.error
        parts = zip(_PARTS, (error.mse, error.rounding_mse, error.clipping_mse), strict=True)
        floor = 0.01 * curve.best.error.mse
        rows += [{"part": part, "share": point.share, "mse": mse} for part, mse in parts if mse > floor]
    return rows


def _chosen(curve: ClipCurve, titles: dict[str, str]) -> list[dict[str, Any]]:
    """The calibrators' ranges; those that chose nearly the same share one name."""
    groups: list[list[ClipPoint]] = []
    for point in sorted((p for p in curve.chosen if p.error.mse > 0), key=lambda p: p.share):
        if groups and point.share < 1.06 * groups[-1][0].share:
            groups[-1].append(point)
        else:
            groups.append([point])
    rows = []
    for step, group in enumerate(reversed(groups)):  # the widest on top: no line crosses the name of another
        for i, point in enumerate(group):
            named = ", ".join(titles.get(p.name, p.name) for p in group) if i == 0 else ""
            rows.append(
                {
                    "name": titles.get(point.name, point.name),
                    "text": named,
                    "step": step,
                    "share": point.share,
                    "low": point.low,
                    "high": point.high,
                    "mse": point.error.mse,
                    "sqnr": point.error.sqnr_db,
                }
            )
    return rows
