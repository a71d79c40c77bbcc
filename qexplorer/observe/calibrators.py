"""Calibrators: how the range of a grid is chosen from what was observed.

How to add one: write a function ``(Wanted) -> (low, high)`` and add it to
``CALIBRATORS`` with its source; add its name to ``core.recipe.Calibrator`` and a case to
``tests/observe/test_calibrators.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qexplorer.core.formats import Format
from qexplorer.core.registry import Registry
from qexplorer.observe.divergence import least_divergence
from qexplorer.observe.least_squares import least_squares
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weight_grids import weight_grid

__all__ = ["CALIBRATORS", "CalibratorInfo", "Wanted", "calibrate", "weight_grid"]

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a range is wanted for: the tensor, the format of its codes, the kind of grid, and the share to keep."""

    stats: TensorStats
    format: Format
    symmetric: bool
    percentile: float


@dataclass(frozen=True, slots=True)
class CalibratorInfo:
    """One calibrator.

    Attributes:
        name: what a person types.
        title: what a person reads.
        description: one sentence on what it does and when it helps.
        source: where it is from.
        choose: the range for one grid over a whole tensor that has finite values.
    """

    name: str
    title: str
    description: str
    source: str
    choose: Callable[[Wanted], Range]


def calibrate(
    stats: TensorStats, calibrator: str, *, format: Format, symmetric: bool, percentile: float = 99.99
) -> Range:
    """The range ``(low, high)`` that ``calibrator`` chooses for one grid over the whole tensor.

    Args:
        stats: what was observed.
        calibrator: a name in ``CALIBRATORS``.
        format: the integer format of the codes.
        symmetric: whether the grid is symmetric about zero.
        percentile: per cent of values kept (``percentile`` only).

    Returns:
        Two finite numbers, ``low <= high``; ``(0, 0)`` for a tensor without finite values.

    Raises:
        UnknownName: there is no such calibrator.
    """
    chosen = CALIBRATORS.get(calibrator)
    if not stats.histogram.count:
        return 0.0, 0.0
    low, high = chosen.choose(Wanted(stats, format, symmetric, percentile))
    return low, max(low, high)


def _minmax(wanted: Wanted) -> Range:
    return wanted.stats.histogram.minimum, wanted.stats.histogram.maximum


def _average(wanted: Wanted) -> Range:
    return wanted.stats.average


def _percentile(wanted: Wanted) -> Range:
    histogram, part = wanted.stats.histogram, wanted.percentile / 100.0
    if wanted.symmetric:
        end = histogram.magnitude_quantile(part)
        return (-end if histogram.minimum < 0 else 0.0), (end if histogram.maximum > 0 else 0.0)
    tail = (1.0 - part) / 2.0
    return histogram.quantile(tail), histogram.quantile(1.0 - tail)


def _kl(wanted: Wanted) -> Range:
    return least_divergence(wanted.stats.histogram, wanted.format, symmetric=wanted.symmetric)


def _mse(wanted: Wanted) -> Range:
    return least_squares(wanted.stats.histogram, wanted.format, symmetric=wanted.symmetric)


CALIBRATORS: Registry[CalibratorInfo] = Registry("calibrator")
CALIBRATORS.add(
    CalibratorInfo(
        "minmax",
        "Min-max",
        "The smallest and largest value seen: nothing is clipped, and one outlier makes every step coarse.",
        "Jacob et al. 2018, section 2.1",
        _minmax,
    )
)
CALIBRATORS.add(
    CalibratorInfo(
        "average",
        "Moving average",
        "Moving average of each sample's smallest and largest value: rare extremes count little.",
        "Jacob et al. 2018, section 3.1",
        _average,
    )
)
CALIBRATORS.add(
    CalibratorInfo(
        "percentile",
        "Percentile",
        "Keeps a given share of the values and clips the rest, half on each side of an asymmetric grid.",
        "Wu et al. 2020, Integer quantization for deep learning inference, section 3.3",
        _percentile,
    )
)
CALIBRATORS.add(
    CalibratorInfo(
        "kl",
        "KL divergence",
        "The range whose quantized distribution diverges least from the real one, zeros left aside.",
        "Migacz 2017, 8-bit inference with TensorRT",
        _kl,
    )
)
CALIBRATORS.add(
    CalibratorInfo(
        "mse",
        "Mean squared error",
        "The range with the least squared error, rounding and clipping together.",
        "Choukroun et al. 2019, Low-bit quantization of neural networks for efficient inference",
        _mse,
    )
)
