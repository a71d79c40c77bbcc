"""A tensor's values before and after quantization, one below the other on the same axes.

After it, all values that become one level are drawn as one bar, from half way to the level below to half way to the
one above; what lies beyond the grid has gone to its last levels. A bar's height is its share of the values over its
width, so that both pictures enclose the same area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import INTEGER, TENSOR

if TYPE_CHECKING:
    from qexplorer.core.formats.protocol import Float64
    from qexplorer.core.grid import Grid
    from qexplorer.observe.histogram import Histogram

__all__ = ["ValuesPanel", "after", "before", "panel_spec", "shared_axes"]

_BARS = 160
_LEVELS = 512  # that are drawn one by one
_HEIGHT = 250
_MOST = 3.0  # times the highest bar of the float values, where taller ones are cut


@dataclass(frozen=True, slots=True)
class ValuesPanel:
    """One picture: its title and its bars as ``(from, to, level, share of all values)``; a level where a bar is one."""

    title: str
    bars: tuple[tuple[float, float, float | None, float], ...]
    quantized: bool = False

    @property
    def densities(self) -> list[float]:
        """Height of each bar: its share over its width."""
        return [share / (high - low) for low, high, _, share in self.bars if high > low]


def before(histogram: Histogram, title: str) -> ValuesPanel:
    """The values as they are."""
    low, high = histogram.minimum, histogram.maximum
    edges = np.linspace(low, high if high > low else low + 1.0, _BARS + 1)
    return ValuesPanel(title, _bars(histogram, edges, None))


def after(histogram: Histogram, grid: Grid, title: str) -> ValuesPanel:
    """The values on a per-tensor grid."""
    levels = np.unique(grid.levels().astype(np.float64))
    middles = (levels[:-1] + levels[1:]) / 2
    first, last = (levels[1] - levels[0]) / 2, (levels[-1] - levels[-2]) / 2
    edges = np.concatenate([[levels[0] - first], middles, [levels[-1] + last]])
    if len(levels) <= _LEVELS:
        return ValuesPanel(title, _bars(histogram, edges, levels), True)
    together = -(-len(levels) // _LEVELS)
    coarse = np.unique(np.concatenate([edges[::together], edges[-1:]]))
    return ValuesPanel(f"{title}; a bar is {together} levels", _bars(histogram, coarse, None), True)


def _bars(
    histogram: Histogram, edges: Float64, levels: Float64 | None
) -> tuple[tuple[float, float, float | None, float], ...]:
    """What lies between the edges; the outermost bars have all that lies beyond, too."""
    below = np.asarray(histogram.bins.below(edges[1:-1]), dtype=np.float64)
    counts = np.diff(np.concatenate([[0.0], below, [float(histogram.count)]]))
    named = [None] * len(counts) if levels is None else [float(level) for level in levels]
    shares = counts / max(histogram.count, 1)
    rows = zip(edges[:-1], edges[1:], named, shares, strict=True)
    return tuple((float(low), float(high), level, float(share)) for low, high, level, share in rows)


def shared_axes(panels: Sequence[ValuesPanel]) -> tuple[tuple[float, float], float]:
    """The range of values and the height that all ``panels`` are drawn with: those of the first, the float values.

    A grid's bars may be a few times higher, where many values become one level; beyond that they are cut.
    """
    first = panels[0]
    ends = [(panel.bars[0][0], panel.bars[-1][1]) for panel in panels]
    top = max(first.densities, default=1.0)
    highest = max((max(panel.densities, default=0.0) for panel in panels), default=top)
    return (min(low for low, _ in ends), max(high for _, high in ends)), 1.05 * min(highest, _MOST * top)


def panel_spec(panel: ValuesPanel, axes: tuple[tuple[float, float], float], subtitle: str) -> dict[str, Any]:
    """One Vega-Lite chart on the shared axes."""
    (low, high), top = axes
    x = {"type": "quantitative", "title": "value", "scale": {"domain": [low, high], "nice": False}}
    x |= {"axis": {"grid": False, "format": ".6~g"}}
    y = {"type": "quantitative", "title": "density", "scale": {"domain": [0, top], "nice": False}}
    y |= {"axis": {"tickCount": 3, "format": ".3~g"}}
    tips = [
        {"field": "level", "title": "level", "format": ".4g"},
        {"field": "from", "format": ".4g"},
        {"field": "to", "format": ".4g"},
        {"field": "share", "title": "of all values", "format": ".3%"},
    ]
    rows = [
        {"from": a, "to": b, "level": level, "share": share, "density": share / (b - a)}
        for a, b, level, share in panel.bars
        if share
    ]
    colour = INTEGER if panel.quantized else TENSOR
    at = {"x": x | {"field": "from"}, "x2": {"field": "to"}, "y": y | {"field": "density"}, "y2": {"datum": 0}}
    return {
        **chart_frame(panel.title, subtitle, _HEIGHT),
        "autosize": {"type": "fit", "contains": "padding"},
        "datasets": {"bars": rows},
        "data": {"name": "bars"},
        "mark": {"type": "rect", "color": colour, "fillOpacity": 0.75, "clip": True},
        "encoding": at | {"tooltip": tips},
    }
