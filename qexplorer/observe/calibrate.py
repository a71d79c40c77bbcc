"""The range of one grid over a whole tensor, from what was observed of it."""

from __future__ import annotations

from dataclasses import replace

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
            the values with their largest magnitude below zero, and its range is turned back.
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
    return symmetric_ends(format, low, high, upwards=upwards) if signs else (low, max(low, high))


def _turned(stats: TensorStats) -> TensorStats:
    """What was observed of the tensor as a whole, with the other sign."""
    low, high = stats.average
    histogram = stats.histogram.turned()
    return replace(stats, histogram=histogram, average=(-high, -low), channels=None, axis=None, array=None)
