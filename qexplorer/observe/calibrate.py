"""The range of one grid over a whole tensor, from what was observed of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.core.formats.uniform import has_signs, symmetric_ends
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions, Range, Wanted
from qexplorer.core.plugin_kinds.calibrator_choice import chosen
from qexplorer.observe.stats import TensorStats

__all__ = ["calibrate"]


def calibrate(
    stats: TensorStats, calibrator: str, *, format: Format, symmetric: bool, options: CalibratorOptions | None = None
) -> Range:
    """The range ``(low, high)`` that ``calibrator`` chooses for one grid over the whole tensor.

    Args:
        stats: what was observed.
        calibrator: a name in ``CALIBRATORS``.
        format: the integer format of the codes.
        symmetric: whether the grid is symmetric about zero. Where scales are of either sign, the calibrator is shown
            the values with their largest magnitude below zero, and its range is turned back. Of a weight whose
            format has a rule of its own (``Format.reach``), no range is wider than that.
        options: an instance of the calibrator's own model; its defaults if None.

    Returns:
        Two finite numbers, ``low <= high``; ``(0, 0)`` for a tensor without finite values.

    Raises:
        UnknownName: there is no such calibrator.
        RecipeError: the calibrator refuses such a grid.
        ValidationError: no options were given to a calibrator that needs some.
    """
    entry = chosen(calibrator, format, Granularity.TENSOR, stats.kind)
    if not stats.histogram.count:
        return 0.0, 0.0
    signs = symmetric and has_signs(format)
    upwards = signs and stats.histogram.maximum > -stats.histogram.minimum
    shown = _turned(stats) if upwards else stats
    low, high = entry.tensor_range(shown, Wanted(format, symmetric), options or entry.options())
    if signs:
        return symmetric_ends(format, low, high, upwards=upwards)
    return _within_reach(low, max(low, high), stats, format)


def _within_reach(low: float, high: float, stats: TensorStats, format: Format) -> Range:
    """What is left of a range where a rule of the format's own says how far a weight's values let it reach."""
    if stats.array is None or format.reach(np.ones(2)) is None:
        return low, high
    reach = format.reach(np.abs(np.asarray(stats.array, np.float64).reshape(-1)))
    assert reach is not None
    return max(low, -float(reach)), min(high, float(reach))


def _turned(stats: TensorStats) -> TensorStats:
    """What was observed of the tensor as a whole, with the other sign."""
    low, high = stats.average
    histogram = stats.histogram.turned()
    return replace(stats, histogram=histogram, average=(-high, -low), channels=None, axis=None, array=None)
