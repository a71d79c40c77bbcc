"""The channel that spoils one scale for all: without it the others would have a finer grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.core.grid import grid_from_range
from qexplorer.observe.error import row_sums
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.tensor_grid import rows_of

__all__ = ["Spoiler", "spoiler"]

_WORTH_DB = 3.0  # half a bit: what all other channels must gain without it to call one a spoiler


@dataclass(frozen=True, slots=True)
class Spoiler:
    """The widest channel, and what it costs the others that they share its scale.

    Attributes:
        channel: its number.
        reach: its largest magnitude.
        others: largest magnitude among all other channels.
        gain_db: signal to error that the others gain on the min-max grid of their own; of an activation, whose
            values are not kept, what the step alone says: 20 log10(reach / others).
    """

    channel: int
    reach: float
    others: float
    gain_db: float

    @property
    def spoils(self) -> bool:
        """Whether the others would gain at least 3 dB, half a bit."""
        return self.gain_db >= _WORTH_DB

    @property
    def times(self) -> float:
        """Its reach over that of the others; inf if they are all zero."""
        return self.reach / self.others if self.others else float("inf")


def spoiler(stats: TensorStats, format: Format, *, symmetric: bool) -> Spoiler | None:
    """The widest channel of a tensor; None where there are fewer than two channels that hold anything.

    Args:
        stats: of a weight or an activation.
        format: a format with a scale.
        symmetric: zero point in the middle.
    """
    found = stats.channels
    if found is None or len(found.count) < 2:
        return None
    held = found.count > 0
    low = np.where(held, np.minimum(found.minimum, 0.0), 0.0)
    high = np.where(held, np.maximum(found.maximum, 0.0), 0.0)
    reach = np.maximum(-low, high)
    widest = int(np.argmax(reach))
    rest = np.arange(len(reach)) != widest
    most, others = float(reach[widest]), float(reach[rest].max())
    if not others:
        return None
    if stats.array is None or stats.axis is None:
        return Spoiler(widest, most, others, float(20 * np.log10(most / others)))
    rows = rows_of(stats, stats.axis, False)
    errors = []
    for ends in ((low.min(), high.max()), (low[rest].min(), high[rest].max())):
        grid = grid_from_range(*ends, format, symmetric=symmetric)
        sums = row_sums(rows, grid, stats.shape)[rest, 0]
        errors.append(float(sums[:, 0].sum() + sums[:, 1].sum()))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = float(10 * np.log10(np.float64(errors[0]) / errors[1])) if errors[0] else 0.0
    return Spoiler(widest, most, others, gain)
