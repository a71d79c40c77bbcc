"""Six small charts of a stream: latency, throughput, power, answers, processors, memory.

A chart's specification never changes while the stream runs: only its data does, so that nothing flickers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qexplorer.core.speed import Change, Speedup
from qexplorer.measure.live.windows import SIDES, LiveSide, LiveWindow, since
from qexplorer.report.metric_words import axis_title, drawn, stated
from qexplorer.report.palette import FLOAT, NEUTRAL, TENSOR, backend_colour

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PANELS", "Panel", "colours_of", "live_frame", "live_spec", "saved_spec", "speed_sentence", "title_of"]

SHOWN_S = 60.0
"""Seconds of the stream that a chart shows."""
_TAIL = 3


@dataclass(frozen=True, slots=True)
class Panel:
    """One small chart: its key, title with unit, and whether it is about the variants or about the machine.

    The title of the answers' chart has ``{metric}`` where the name and unit of the task's primary metric go.
    """

    key: str
    title: str
    by_variant: bool


PANELS = (
    Panel("latency", "Latency of one call (ms)", True),
    Panel("throughput", "Throughput while it has its turn (samples/s)", True),
    Panel("power", "Power while it computes (W)", True),
    Panel("answers", "{metric} so far", True),
    Panel("cpu", "Load of each processor (%)", False),
    Panel("memory", "Memory of both together (MB)", False),
)


def colours_of(backends: Mapping[str, str], recipes: Mapping[str, str]) -> dict[str, str]:
    """A colour for each place: float grey, else the backend's hue; the second of two equal ones gets another blue."""
    found = {p: FLOAT if recipes[p] == "float" else backend_colour(backends[p]) for p in backends}
    if len(found) == 2 and len(set(found.values())) == 1:
        found[SIDES[1]] = TENSOR if found[SIDES[0]] != TENSOR else NEUTRAL
    return found


def live_frame(windows: Sequence[LiveWindow], panel: Panel) -> pd.DataFrame:
    """The points of one chart: columns ``t`` (s), ``line`` (what is drawn), ``value``, ``low``, ``high``.

    Latency spans median to 90th percentile, answers their 95 % interval; other values have no span.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for window in since(windows, SHOWN_S):
        rows += _variant_rows(window, panel.key) if panel.by_variant else _machine_rows(window, panel.key)
    return pd.DataFrame(rows, columns=["t", "line", "value", "low", "high"])


def _variant_rows(window: LiveWindow, key: str) -> list[dict[str, Any]]:
    if key == "answers":
        return _judged(window)
    rows = []
    for place, side in window.sides.items():
        value, low, high = _value(side, key)
        if value is not None:
            rows.append({"t": window.t_s, "line": place, "value": value, "low": low, "high": high})
    return rows


def _value(side: LiveSide, key: str) -> tuple[float | None, float | None, float | None]:
    if key == "latency":
        return side.p50_ms, side.p50_ms, _near(side.p50_ms, side.p90_ms)
    if key == "throughput":
        return side.per_s, None, None
    if key == "power":
        return side.watts, None, None
    return None, None, None


def _near(median: float | None, p90: float | None) -> float | None:
    """The end of the band, at most ``_TAIL`` medians: one slow call in ten must not press the lines to zero."""
    return p90 if median is None or p90 is None else min(p90, _TAIL * median)


def _judged(window: LiveWindow) -> list[dict[str, Any]]:
    """The metric in its own unit, with its interval, of each variant whose answers are judged."""
    if window.metric is None:
        return []
    rows = []
    for place, side in window.sides.items():
        if side.value is not None:
            value = drawn(replace(stated(window.metric, side.value, side.judged), ci95=side.ci95))
            rows.append({"t": window.t_s, "line": place, "value": value.value, "low": value.low, "high": value.high})
    return rows


def _machine_rows(window: LiveWindow, key: str) -> list[dict[str, Any]]:
    if key == "memory":
        if window.rss_bytes is None:
            return []
        return [{"t": window.t_s, "line": "both", "value": window.rss_bytes / 1e6, "low": None, "high": None}]
    cores = [(f"CPU {i}", load) for i, load in enumerate(window.cpu_percent)]
    cores += [(f"GPU {i}", load) for i, load in enumerate(window.gpu_percent)]
    return [{"t": window.t_s, "line": name, "value": load, "low": None, "high": None} for name, load in cores]


def live_spec(panel: Panel, colours: Mapping[str, str], metric: str | None = None) -> dict[str, Any]:
    """The Vega-Lite chart that draws :func:`live_frame`; ``colours`` by place, ``metric`` judges answers."""
    title = title_of(panel, metric)
    zero = panel.key != "answers"
    y: dict[str, Any] = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": zero, "nice": True}}
    if panel.key == "cpu":
        y["scale"] = {"domain": [0, 100]}
    x: dict[str, Any] = {"field": "t", "type": "quantitative", "title": None, "scale": {"zero": False, "nice": False}}
    x["axis"] = {"format": "d", "tickCount": 5, "labelExpr": "datum.label + ' s'"}
    colour: dict[str, Any] = {"field": "line", "type": "nominal", "legend": None}
    if panel.by_variant:
        colour["scale"] = {"domain": list(colours), "range": list(colours.values())}
    elif panel.key == "memory":
        colour = {"value": NEUTRAL}
    tooltip = [
        {"field": "line", "title": "what"},
        {"field": "t", "title": "second", "format": ".1f"},
        {"field": "value", "title": title, "format": ".4~g"},
    ]
    band = {
        "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
        "mark": {"type": "area", "opacity": 0.18},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2, "interpolate": "monotone"},
        "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
    }
    return {
        "title": {"text": title, "anchor": "start", "fontSize": 13},
        "height": 130,
        "padding": {"left": 0, "top": 2, "right": 6, "bottom": 2},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": [band, line] if panel.key in ("latency", "answers") else [line],
    }


def saved_spec(
    windows: Sequence[LiveWindow],
    panel: Panel,
    colours: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    metric: str | None = None,
    settings: str = "",
) -> dict[str, Any]:
    """The chart to be taken away: with its data, its variants' names (``labels`` by place) and ``settings``."""
    names = dict(labels)
    if len(set(names.values())) < len(names):
        names = {place: f"{label} ({place})" for place, label in names.items()}
    spec = live_spec(panel, {names[place]: colour for place, colour in colours.items()}, metric)
    for layer in spec["layer"]:
        if "field" in layer["encoding"]["color"]:
            layer["encoding"]["color"]["legend"] = {"title": None, "orient": "bottom"}
    frame = live_frame(windows, panel).replace({"line": names})
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return spec | {"title": spec["title"] | {"subtitle": settings}, "data": {"values": rows}}


def title_of(panel: Panel, metric: str | None) -> str:
    """The chart's title, ``Accuracy (%) so far`` for answers that are judged."""
    name = "Answers" if metric is None else axis_title(stated(metric, 0.0, 0))
    return panel.title.format(metric=name[:1].upper() + name[1:])


def speed_sentence(a: str, b: str, found: Speedup | None) -> str | None:
    """``w8a8 is 2.1 times faster than float (1.90 to 2.20)``, or that no difference was seen; None while none is known.

    Args:
        a: what to call the one.
        b: what to call the other.
        found: how many times faster ``b`` is (``measure.live.windows.speed``).
    """
    if found is None or found.ci95 is None:
        return None
    if found.change is Change.NONE:
        return f"{b} against {a}: {found.text()}"
    if found.change is Change.WORSE:
        a, b, found = b, a, found.turned()
    return f"{b} is {found.text(f'than {a}')}"
