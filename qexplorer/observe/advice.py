"""Whether other clip lines would be better: tried on the histogram in both directions, not told from the error's parts.

At the least squared error rounding can well be the larger part: narrower lines would then clip more than they gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.histogram import Histogram

__all__ = ["Advice", "Direction", "clip_advice"]

_FACTORS = tuple(2.0 ** (k / 8) for k in range(-24, 9) if k)  # an eighth of the range to twice of it
_WORTH_DB = 0.1  # below it the histogram's bins, taken as even inside, could be what differs


class Direction(StrEnum):
    """Where better clip lines are."""

    NARROWER = "narrower"
    WIDER = "wider"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Advice:
    """What trying other ranges found.

    Attributes:
        direction: of the best range that was tried, beside the grid's own.
        gain_db: what it gains in signal to noise; 0 where nothing is better by more than 0.1 dB.
        low: its lower end.
        high: its upper end.
    """

    direction: Direction
    gain_db: float
    low: float
    high: float


def clip_advice(histogram: Histogram, grid: Grid, *, symmetric: bool) -> Advice:
    """Tries narrower and wider ranges around that of a per-tensor grid: both ends together, and each alone.

    Args:
        histogram: of the values.
        grid: per tensor.
        symmetric: whether its zero point is fixed in the middle, so that both ends move together.

    Raises:
        ValueError: the grid is not per tensor.
    """
    low, high = float(grid.low), float(grid.high)
    now = error_from_histogram(histogram, grid).mse
    best, chosen = now, (low, high)
    for factor in _FACTORS:
        for ends in ((1, 1),) if symmetric or low == 0.0 or high == 0.0 else ((1, 1), (1, 0), (0, 1)):
            span = (low * factor if ends[0] else low, high * factor if ends[1] else high)
            tried = grid_from_range(*span, grid.format, symmetric=symmetric)
            mse = error_from_histogram(histogram, tried).mse
            if mse < best:
                best, chosen = mse, span
    gain = 10 * math.log10(now / best) if best > 0 else math.inf if now > 0 else 0.0
    if gain <= _WORTH_DB:
        return Advice(Direction.NOWHERE, 0.0, low, high)
    wider = chosen[1] - chosen[0] > high - low
    return Advice(Direction.WIDER if wider else Direction.NARROWER, gain, *chosen)
