"""What the machine did while runs were timed, as strips over time: processors, memory, GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qexplorer.core.foreign.media import in_expression
from qexplorer.core.words.numbers import number_text
from qexplorer.report.comparison_charts.values import made_on, scaled_unit, title_of
from qexplorer.report.palette import NEUTRAL, TENSOR, backend_colour
from qexplorer.run.registry import backend_label

if TYPE_CHECKING:
    from qexplorer.core.usage import Usage
    from qexplorer.measure.comparison import Comparison

__all__ = ["Strip", "UsageInfo", "usage_infos", "usage_spec"]

MOST_STRIPS = 16
"""Processors with a strip of their own; of more, the busiest."""
_HEIGHT = 34


@dataclass(frozen=True, slots=True)
class Strip:
    """One line over time.

    Attributes:
        name: what it shows, such as ``CPU 3`` or ``memory``.
        unit: ``%`` or a unit of bytes.
        top: end of its axis.
        values: one for each look; None where it could not be read.
        colour: of the area.
    """

    name: str
    unit: str
    top: float
    values: tuple[float | None, ...]
    colour: str

    @property
    def said(self) -> str:
        """Mean and largest value, in words."""
        known = [value for value in self.values if value is not None]
        if not known:
            return f"{self.name}: not known"
        both = sum(known) / len(known), max(known)
        mean, most = (f"{each:.0f}" if self.unit == "%" else number_text(each) for each in both)
        return f"{self.name}: {mean} {self.unit} on average, {most} {self.unit} at most"


@dataclass(frozen=True, slots=True)
class UsageInfo:
    """The strips of one backend's timing, over ``t_s`` seconds; ``left_out`` counts processors without a strip."""

    title: str
    subtitle: str
    t_s: tuple[float, ...]
    strips: tuple[Strip, ...]
    n: int
    left_out: int


def usage_infos(comparison: Comparison) -> list[UsageInfo]:
    """One for each backend that was looked at: its runs are timed together, so they share the looks."""
    found: dict[str, Usage] = {}
    for run in comparison.runs:
        if run.usage is not None and run.usage.t_s and run.backend not in found:
            found[run.backend] = run.usage
    return [_info(backend, usage, comparison) for backend, usage in found.items()]


def _info(backend: str, usage: Usage, comparison: Comparison) -> UsageInfo:
    means = usage.mean_cpu_percent
    busiest = sorted(sorted(range(len(means)), key=lambda cpu: -means[cpu])[:MOST_STRIPS])
    strips = [
        Strip(f"CPU {cpu}", "%", 100.0, tuple(look[cpu] for look in usage.cpu_percent), TENSOR) for cpu in busiest
    ]
    strips += _bytes("memory", list(usage.rss_bytes), backend_colour(backend))
    for i in range(len(usage.gpu_percent[0]) if usage.gpu_percent else 0):
        name = f"GPU {i}"
        strips.append(Strip(name, "%", 100.0, tuple(look[i] for look in usage.gpu_percent), backend_colour(backend)))
        strips += _bytes(f"{name} memory", [look[i] for look in usage.gpu_memory_bytes], backend_colour(backend))
    title = f"Hardware while timing on {backend_label(backend)}"
    left_out = max(0, len(means) - len(busiest))
    return UsageInfo(title, made_on(comparison), usage.t_s, tuple(strips), usage.n, left_out)


def _bytes(name: str, values: list[int | None], colour: str) -> list[Strip]:
    known = [float(value) for value in values if value is not None]
    if not known:
        return []
    unit, factor = scaled_unit("B", known)
    scaled = tuple(None if value is None else value * factor for value in values)
    return [Strip(name, unit, 1.1 * max(known) * factor, scaled, colour)]


def usage_spec(info: UsageInfo) -> dict[str, Any]:
    """A Vega-Lite chart: one narrow area above the other on a common time axis, each from zero."""
    # a look tells of the time before it, so the first value also stands at the beginning
    rows = [
        {"t": t, "name": strip.name, "value": value, "unit": strip.unit}
        for strip in info.strips
        for t, value in zip((0.0, *info.t_s), (strip.values[0], *strip.values), strict=True)
    ]
    last = len(info.strips) - 1
    return {
        "title": title_of(info.title, info.subtitle),
        "datasets": {"looks": rows},
        "data": {"name": "looks"},
        "spacing": 4,
        "vconcat": [_strip(strip, info.t_s[-1], axis=i == last) for i, strip in enumerate(info.strips)],
    }


def _strip(strip: Strip, end_s: float, *, axis: bool) -> dict[str, Any]:
    x: dict[str, Any] = {"field": "t", "type": "quantitative", "scale": {"domain": [0, end_s], "nice": False}}
    x |= {"title": "seconds"} if axis else {"axis": {"labels": False, "ticks": False, "title": None}}
    title = {"title": f"{strip.name} ({strip.unit})", "titleAngle": 0, "titleAlign": "right", "titleAnchor": "middle"}
    title |= {"titleBaseline": "middle", "titleFontWeight": "normal", "titleColor": NEUTRAL}
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, strip.top], "nice": False},
        "axis": title | {"values": [0, strip.top if strip.unit == "%" else strip.top / 1.1], "format": ".3~g"},
    }
    tooltip = [
        {"field": "t", "title": "seconds", "format": ".1f"},
        {"field": "value", "title": f"{strip.name} ({strip.unit})", "format": ".3g"},
    ]
    return {
        "width": "container",
        "height": _HEIGHT,
        "transform": [{"filter": f"datum.name === {in_expression(strip.name)}"}],
        "mark": {"type": "area", "color": strip.colour, "opacity": 0.75, "interpolate": "step-before"},
        "encoding": {"x": x, "y": y, "tooltip": tooltip},
    }
