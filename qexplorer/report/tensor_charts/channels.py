"""Ranges of a tensor's channels beside the range of the grid: why one scale for all may not fit.

At most 256 bars are drawn: with more channels, each bar stands for a group of neighbours and covers all their ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Granularity, Grid
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, TENSOR

__all__ = ["MOST_BARS", "ChannelBar", "ChannelInfo", "channel_info", "channel_rows", "channel_spec"]

MOST_BARS = 256
_HEIGHT = 220

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class ChannelBar:
    """One bar: the channels it stands for, their range, the range of their grid (None without one)."""

    place: int
    channels: tuple[int, ...]
    low: float
    high: float
    grid_low: float | None
    grid_high: float | None

    @property
    def label(self) -> str:
        """The channel's number, or how many there are from which on."""
        if len(self.channels) == 1:
            return str(self.channels[0])
        return f"{len(self.channels)} channels, such as {self.channels[0]}"


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """What the chart shows: ``shared`` says whether all channels have one grid; ``by_range`` how they are ordered."""

    title: str
    subtitle: str
    channels: int
    bars: tuple[ChannelBar, ...]
    shared: bool
    by_range: bool


def channel_info(
    title: str, low: Values, high: Values, grid: Grid | None, *, by_range: bool = False, subtitle: str = ""
) -> ChannelInfo:
    """The chart's data.

    Args:
        title: the tensor and its model.
        low: smallest value of each channel, shape (C,).
        high: largest value of each channel, shape (C,).
        grid: a grid per tensor or per channel (C scales); None, or a grid per block, draws no grid.
        by_range: widest channel first instead of the file's order.
        subtitle: by what, where and when it was made.
    """
    n = len(low)
    order = np.argsort(-np.maximum(np.abs(low), np.abs(high)), kind="stable") if by_range else np.arange(n)
    ends = _grid_ends(grid, n)
    size = -(-n // MOST_BARS)
    groups = [order[start : start + size] for start in range(0, n, size)]
    bars = tuple(_bar(place, group, low, high, ends) for place, group in enumerate(groups))
    return ChannelInfo(title, subtitle, n, bars, grid is not None and grid.axis is None, by_range)


def _grid_ends(grid: Grid | None, n: int) -> tuple[Values, Values] | None:
    if grid is None or grid.granularity is Granularity.BLOCK:
        return None
    return np.broadcast_to(grid.low, (n,)), np.broadcast_to(grid.high, (n,))


def _bar(place: int, group: NDArray[Any], low: Values, high: Values, ends: tuple[Values, Values] | None) -> ChannelBar:
    return ChannelBar(
        place=place,
        channels=tuple(int(c) for c in group),
        low=float(low[group].min()),
        high=float(high[group].max()),
        grid_low=None if ends is None else float(ends[0][group].min()),
        grid_high=None if ends is None else float(ends[1][group].max()),
    )


def channel_rows(info: ChannelInfo) -> list[dict[str, Any]]:
    """The bars as rows of a table."""
    return [
        {
            "channels": " ".join(map(str, bar.channels)),
            "low": bar.low,
            "high": bar.high,
            "grid_low": bar.grid_low,
            "grid_high": bar.grid_high,
        }
        for bar in info.bars
    ]


def channel_spec(info: ChannelInfo) -> dict[str, Any]:
    """Bars from smallest to largest value of each channel, and the ends of its grid as lines over them."""
    order = "widest first" if info.by_range else "in the file's order"
    x = {
        "field": "from",
        "type": "quantitative",
        "title": f"channels, {order}",
        "axis": {"labels": False, "ticks": False, "grid": False},
    }
    x |= {"scale": {"nice": False, "zero": False}}
    rows = [
        {
            "from": bar.place + 0.1,
            "to": bar.place + 0.9,
            "left": float(bar.place),
            "right": bar.place + 1.0,
            "channel": bar.channels[0],
            "label": bar.label,
            "low": bar.low,
            "high": bar.high,
            "grid_low": bar.grid_low,
            "grid_high": bar.grid_high,
        }
        for bar in info.bars
    ]
    tooltip = [
        {"field": "label", "title": "channel"},
        *({"field": f, "title": t, "format": ".4g"} for f, t in (("low", "smallest"), ("high", "largest"))),
        *({"field": f, "title": t, "format": ".4g"} for f, t in (("grid_low", "grid from"), ("grid_high", "grid to"))),
    ]
    return {
        **chart_frame(info.title, info.subtitle, _HEIGHT),
        "datasets": {"channels": rows},
        "data": {"name": "channels"},
        "layer": [
            {
                "params": [
                    {"name": "channel", "select": {"type": "point", "fields": ["channel"], "clear": "dblclick"}}
                ],
                "mark": {"type": "rect", "color": TENSOR, "cursor": "pointer", "fillOpacity": 0.65},
                "encoding": {
                    "x": x,
                    "x2": {"field": "to"},
                    "y": {"field": "low", "type": "quantitative", "title": "value"},
                    "y2": {"field": "high"},
                    "opacity": {"condition": {"param": "channel", "value": 1}, "value": 0.35},
                    "tooltip": tooltip,
                },
            },
            *(_end(field, x) for field in ("grid_low", "grid_high")),
        ],
    }


def _end(field: str, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": f"isValid(datum.{field})"}],
        "mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 2},
        "encoding": {
            "x": x | {"field": "left"},
            "x2": {"field": "right"},
            "y": {"field": field, "type": "quantitative"},
        },
    }
