"""What is known of a calibrator after so many samples: range, error and metric, each with its band over draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.wire import Wire

__all__ = ["Band", "DataNeeded", "NeededPoint", "enough_samples"]

_WITHIN = 1.05
"""Errors at most so many times that of the most samples count as the same."""


@dataclass(frozen=True, slots=True)
class Band(Wire):
    """A value over several draws.

    Attributes:
        mean: of the draws.
        low: the least.
        high: the largest.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Band:
        """The band of at least one value."""
        return cls(sum(values) / len(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class NeededPoint(Wire):
    """One calibrator after so many samples.

    Attributes:
        calibrator: its name.
        samples: calibration samples of each draw.
        low: lower end of the range.
        high: upper end.
        error: mean squared error of the tensor on samples that did not calibrate.
        metric: the task's first metric of the whole model, simulated; None where it has no value.
    """

    calibrator: str
    samples: int
    low: Band
    high: Band
    error: Band
    metric: Band | None


@dataclass(frozen=True, slots=True)
class DataNeeded(Wire):
    """Every calibrator at every number of samples.

    Attributes:
        model: its name.
        tensor: the activation whose ranges and errors these are.
        recipe: name of the recipe, of which the calibrator of activations was changed.
        metric: name of the metric.
        float_metric: what the float model has; None where it has no value.
        draws: how many times samples were drawn, each draw in an order of its own.
        judged: samples that judge.
        points: by calibrator, then by samples.
        enough: by calibrator, the number of samples from which on more did not help; None: the error still fell.
    """

    model: str
    tensor: str
    recipe: str
    metric: str | None
    float_metric: float | None
    draws: int
    judged: int
    points: tuple[NeededPoint, ...]
    enough: dict[str, int | None]

    def of(self, calibrator: str) -> tuple[NeededPoint, ...]:
        """The points of one calibrator, from few samples to many."""
        return tuple(point for point in self.points if point.calibrator == calibrator)


def enough_samples(points: Sequence[NeededPoint]) -> int | None:
    """The first number of samples from which on the mean error stays within the band of the most samples, or within 5 %
    of its mean; None where only the most samples reach that.

    Args:
        points: of one calibrator, from few samples to many, at least one.
    """
    last = points[-1].error
    limit = max(last.high, _WITHIN * last.mean)
    found = None
    for point in reversed(points[:-1]):
        if point.error.mean > limit:
            break
        found = point.samples
    return found
