"""A heat map of a tensor's channels: how far each reaches, and how well it survives the grid, one cell a channel.

Cells stand in rows as text does. Ranges and errors of thousands of channels are seen at once, and with them the few
that are unlike the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING

__all__ = ["ChannelCell", "HeatInfo", "heat_info", "heat_rows", "heat_spec"]

_WIDE, _MOST_ROWS = 32, 64  # cells in a row of few channels; rows of many
_CELL = 20  # pixels of a row, at most
_HEIGHT = (60, 300)


@dataclass(frozen=True, slots=True)
class ChannelCell:
    """One channel: its place, its largest magnitude, and signal to error in dB (None where it is not known)."""

    channel: int
    row: int
    column: int
    reach: float
    sqnr_db: float | None


@dataclass(frozen=True, slots=True)
class HeatInfo:
    """What both maps show; ``spoiler`` is the channel that is marked, or None."""

    title: str
    subtitle: str
    cells: tuple[ChannelCell, ...]
    columns: int
    spoiler: int | None

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return -(-len(self.cells) // self.columns)


def heat_info(
    title: str,
    reach: Sequence[float],
    sqnr_db: Sequence[float] | None,
    *,
    spoiler: int | None = None,
    subtitle: str = "",
) -> HeatInfo:
    """The maps' data.

    Args:
        title: the tensor.
        reach: largest magnitude of each channel.
        sqnr_db: signal to error of each channel, inf without error; None if it is not known.
        spoiler: the channel to mark.
        subtitle: by what, where and when it was made.
    """
    columns = max(min(_WIDE, len(reach)), -(-len(reach) // _MOST_ROWS))
    cells = tuple(
        ChannelCell(k, k // columns, k % columns, float(far), None if sqnr_db is None else _finite(sqnr_db[k]))
        for k, far in enumerate(reach)
    )
    return HeatInfo(title, subtitle, cells, columns, spoiler)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def heat_rows(info: HeatInfo) -> list[dict[str, Any]]:
    """The cells as rows of a table."""
    return [{"channel": cell.channel, "largest": cell.reach, "sqnr_db": cell.sqnr_db} for cell in info.cells]


def heat_spec(info: HeatInfo, *, error: bool = False) -> dict[str, Any]:
    """The map of ranges, or of ``error``: a sequence of colours that grey and colour-blind eyes order alike (viridis).

    A click on a cell picks the channel, as one on the bars of ranges does.
    """
    field, what = ("sqnr", "signal to error (dB)") if error else ("reach", "largest magnitude")
    scale: dict[str, Any] = {"scheme": "viridis"} | ({} if error else {"type": "sqrt"})
    rows = [
        {
            "channel": cell.channel,
            "row": cell.row,
            "column": cell.column,
            "reach": cell.reach,
            "sqnr": cell.sqnr_db,
            "spoils": cell.channel == info.spoiler,
        }
        for cell in info.cells
    ]
    tooltip = [
        {"field": "channel", "title": "channel"},
        {"field": "reach", "title": "largest magnitude", "format": ".4g"},
        {"field": "sqnr", "title": "dB", "format": ".1f"},
    ]
    label = f"channels, {info.columns} in a row"
    x = {"field": "column", "type": "ordinal", "title": label, "axis": {"labels": False, "ticks": False}}
    y = {"field": "row", "type": "ordinal", "title": None, "axis": {"labels": False, "ticks": False}}
    colour = {
        "field": field,
        "type": "quantitative",
        "title": what,
        "scale": scale,
        "legend": {"orient": "bottom", "gradientLength": 200, "format": ".3~g"},
    }
    frame = {"stroke": {"condition": {"test": "datum.spoils", "value": CLIPPING}, "value": None}}
    height = int(min(max(_CELL * info.rows, _HEIGHT[0]), _HEIGHT[1]))
    return {
        **chart_frame(info.title, info.subtitle, height),
        "datasets": {"channels": rows},
        "data": {"name": "channels"},
        "params": [{"name": "channel", "select": {"type": "point", "fields": ["channel"], "clear": "dblclick"}}],
        "mark": {"type": "rect", "cursor": "pointer", "strokeWidth": 3},
        "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip} | frame,
        "config": {"scale": {"bandPaddingInner": 0.08}, "view": {"stroke": None}},
    }
