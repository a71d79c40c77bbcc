"""All channels or blocks under one clip ratio, as the editor in the browser is sent them (docs/grid_editor.md)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.ui.grid_editor.formats import format_data

if TYPE_CHECKING:
    from qexplorer.observe.editing.ratio_bins import RatioBins

__all__ = ["RatioView", "ratio_data", "ratio_span"]

_PAD = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class RatioView:
    """What is dragged where each channel or block has a scale of its own: the share of every range, one for all.

    Attributes:
        bins: what judges them at every share.
        format: of the codes.
        symmetric: zero point in the middle.
        what: ``channel`` or ``block``.
        share: the share in use; the median where each has a share of its own.
        own: the smallest and the largest of these shares; None where all have one.
        power: mean of the squared values.
        values: how many there are.
        reach: where the end of the widest range is drawn; None to draw each value as a share of its own range.
    """

    bins: RatioBins
    format: Format
    symmetric: bool
    what: str
    share: float
    own: tuple[float, float] | None
    power: float
    values: int
    reach: float | None = None

    @property
    def clip(self) -> tuple[float, float]:
        """The range as it is drawn: ends of the grid at share 1, times the share."""
        reach = self.share * (self.reach or 1.0)
        return self.bins.ends[0] * reach, self.bins.ends[1] * reach


def ratio_span(view: RatioView) -> tuple[float, float]:
    """The values between which everything lies, of a view that draws shares."""
    bars = view.bins.bars
    low = min([view.bins.ends[0], *bars.low[:1].tolist()])
    high = max([view.bins.ends[1], *bars.high[-1:].tolist()])
    return low - _PAD * (high - low), high + _PAD * (high - low)


def ratio_data(view: RatioView) -> dict[str, Any]:
    """The field ``ratio`` of the editor's data."""
    return _bins_data(view.bins) | {
        "format": format_data(view.format, symmetric=view.symmetric),
        "reach": view.reach or 1.0,
        "shares": view.reach is None,
        "own": None if view.own is None else list(view.own),
        "power": view.power,
        "values": view.values,
        "alike": len(view.bins.groups) == 1 and (view.symmetric or not view.format.is_uniform),
    }


@lru_cache(maxsize=8)
def _bins_data(bins: RatioBins) -> dict[str, Any]:
    octaves = bins.octaves
    groups = [
        {"bins": _packed(each.low, each.high, each.count, each.weight), "ends": _finite(ends)}
        for each, ends in bins.groups
    ]
    tails = bins.tails
    near = None if tails is None else [getattr(tails.bins, row) for row in ("low", "high", "count", "weight")]
    return {
        "ends": list(bins.ends),
        "bars": _packed(bins.bars.low, bins.bars.high, bins.bars.count),
        "groups": groups,
        "tails": None if near is None or tails is None else _packed(*near, tails.steps),
        "octaves": None
        if octaves is None
        else {"above": octaves.above.tolist(), "errors": octaves.errors.tolist(), "open": octaves.open},
        "unit": bins.unit,
    }


def _finite(ends: tuple[float, float]) -> list[float] | None:
    return list(ends) if np.isfinite(ends).all() else None


def _packed(*rows: Any) -> str:
    return base64.b64encode(np.stack(rows).astype("<f4").tobytes()).decode("ascii")
