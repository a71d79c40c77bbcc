"""How the error of a tensor moves with the range of its grid, and where each calibrator puts that range.

All of it comes from the kept histogram: a point of the curve is one integral over its bins, about 0.05 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.core.formats.uniform import symmetric_ends
from qexplorer.core.grid import grid_from_range
from qexplorer.core.plugin_kinds.calibrator_choice import options_among, starting_options
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import ErrorSplit, error_from_histogram
from qexplorer.observe.rows import as_rows
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weight_grids import with_learned_levels

__all__ = ["ClipCurve", "ClipPoint", "clip_curve"]

_POINTS = 60
_NARROWEST = 0.02  # of the whole range


@dataclass(frozen=True, slots=True)
class ClipPoint:
    """One range: its share of the whole one, its ends, its error; ``name`` is the calibrator's, or empty."""

    share: float
    low: float
    high: float
    error: ErrorSplit
    name: str = ""


@dataclass(frozen=True, slots=True)
class ClipCurve:
    """The curve from the narrowest range to the whole one, and the range that each calibrator chose."""

    points: tuple[ClipPoint, ...]
    chosen: tuple[ClipPoint, ...]

    @property
    def best(self) -> ClipPoint:
        """The range with the least squared error of all that are here."""
        return min((*self.points, *self.chosen), key=lambda point: point.error.mse)


def clip_curve(stats: TensorStats, format: Format, *, symmetric: bool, calibrators: Sequence[str]) -> ClipCurve:
    """The error of one grid for the whole tensor over ranges that narrow from both ends alike.

    Args:
        stats: the tensor's statistics; it must have values.
        format: a format with a scale.
        symmetric: zero point fixed in the middle: a range reaches as far down as up.
        calibrators: names of those whose choice is marked, with the options that they start with.
    """
    histogram = stats.histogram
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    reach = max(-low, high)
    if format.learns and stats.array is not None:  # levels are those of the whole range, and are stretched by others
        grid = grid_from_range(low, high, format, symmetric=symmetric)
        drawn = with_learned_levels(grid, as_rows(stats.array, None)).format
    else:
        drawn = format

    def point(share: float, ends: tuple[float, float], name: str = "") -> ClipPoint:
        grid = grid_from_range(ends[0], max(ends), drawn, symmetric=symmetric)
        return ClipPoint(share, *ends, error_from_histogram(histogram, grid), name)

    shares = np.geomspace(_NARROWEST, 1.0, _POINTS)
    ends = symmetric_ends(format, low, high) if symmetric else (low, high)
    points = tuple(point(float(s), (float(s) * ends[0], float(s) * ends[1])) for s in shares)
    chosen = []
    for name in calibrators:
        options = options_among(name, starting_options(name))
        found = calibrate(stats, name, format=format, symmetric=symmetric, options=options)
        found = min(float(found[0]), 0.0), max(float(found[1]), 0.0)  # zero is on every grid
        width = max(abs(found[0]), abs(found[1])) / reach if symmetric and reach else _width(found, (low, high))
        chosen.append(point(float(width), found, name))
    return ClipCurve(points, tuple(chosen))


def _width(found: tuple[float, float], whole: tuple[float, float]) -> float:
    return (found[1] - found[0]) / ((whole[1] - whole[0]) or 1.0)
