"""The ratio of two models that ran in turns, with its interval: what is said of speed wherever speed is spoken of.

Each round gives one ratio of two medians, so that what slowed both down cancels. Rounds on one loading of the models
are not independent: by where it lies in memory a copy is up to 2 % faster or slower than the next one, for good. So
each loading gives one number, the median of its rounds, and the interval comes from these by order statistics (David
and Nagaraja 2003, 7.1), which hold whatever the distribution: a disturbance may be as long as it likes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.results import Interval
from qexplorer.core.speed import Speedup
from qexplorer.measure.metrics.statistics import median_interval

__all__ = ["LEAST_LOADS", "PLACEMENT", "by_load", "paired_speedup", "widened"]

Float64 = NDArray[np.float64]

LEAST_LOADS = 6
"""Loadings that an interval takes."""
PLACEMENT = 0.025
"""Half of the interval that two copies of one model differ by for as long as they live, as a share of their time.

Used where loading is so slow that it is done once. Measured by ``benchmarks/noise.py --loads 1``: standard deviations
of 0.3 % (digits_cnn) to 1.2 % (glyphs_mobilenet), times 2.
"""


def paired_speedup(
    floats: Sequence[float] | Float64,
    own: Sequence[float] | Float64,
    loads: Sequence[int] | None = None,
    *,
    doubt: str | None = None,
) -> Speedup:
    """How many times less ``own`` is than ``floats``, from what both took in the same rounds.

    Args:
        floats: what the one took, a positive number for each round.
        own: what the other took in the same round.
        loads: which loading of the models each round ran on; None: all on one.
        doubt: see :class:`~qexplorer.core.speed.Speedup`.

    Returns:
        The median of the loadings' ratios; of a few loadings that of the rounds, whose interval is then wider by
        ``PLACEMENT``. No interval below six of either.
    """
    logs = np.log(np.asarray(floats, np.float64) / np.asarray(own, np.float64))
    groups = by_load(logs, loads or [0] * logs.size)
    found = median_interval(groups)
    if found is not None:
        return Speedup(float(np.exp(np.median(groups))), (float(np.exp(found[0])), float(np.exp(found[1]))), doubt)
    narrow = median_interval(logs)
    ends = None if narrow is None else widened((float(np.exp(narrow[0])), float(np.exp(narrow[1]))))
    return Speedup(float(np.exp(np.median(logs))), ends, doubt)


def by_load(values: Float64, loads: Sequence[int]) -> Float64:
    """The median of each loading's rounds."""
    which = np.array(loads)
    return np.array([np.median(values[which == load]) for load in sorted(set(loads))], np.float64)


def widened(interval: Interval) -> Interval:
    """``interval`` with what one loading does not show."""
    return interval[0] * (1 - PLACEMENT), interval[1] * (1 + PLACEMENT)
