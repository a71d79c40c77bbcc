"""Metrics that are a smooth function of means over samples: a mean, a ratio of sums, a mean of ratios.

Interval: the delta method (van der Vaart 1998, Asymptotic Statistics, 3.1): such a metric moves with each sample by its
influence (Hampel 1974, JASA 69, 383-393), so its variance is that of the mean of the influences, and Student's t with
n - 1 degrees of freedom gives the interval. For a mean this is the t interval itself; for a ratio of sums it is the
linearization of Cochran (1977, Sampling Techniques, 6.4), which keeps what belongs to one sample together: tokens of
one sequence, pixels of one picture. Paired comparison: the same with the differences of the two influences, sample
by sample, so that what both variants find hard does not widen it.

Where all samples agree an interval has no width; at an end of the scale, where that would claim too much, there is
none.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np

from qexplorer.core.plugin_kinds.metric import Paired, Scores
from qexplorer.core.results import Interval
from qexplorer.measure.metrics.kinds.facts import MetricFacts

__all__ = ["Mean", "Ratio", "Smooth"]


class Smooth(MetricFacts, ABC):
    """Any of them; an entry gives its value with each sample's influence on it.

    Attributes:
        logarithmic: whether the interval is symmetric on a logarithmic scale, as suits what is above 0 and skewed.
    """

    logarithmic = False

    @abstractmethod
    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """The value, and influences of shape ``(n,)`` whose mean is 0: ``n`` times what it changes by, to first order,
        per share of weight that a sample gets."""

    def value(self, scores: Scores) -> float:
        """The metric over all samples."""
        return self.estimate(scores)[0]

    def interval(self, scores: Scores) -> Interval | None:
        """The delta method's; None below two samples, and where no sample varies at an end of the scale."""
        value, influence = self.estimate(scores)
        half = half_width(influence)
        if half is None or not math.isfinite(value) or (half == 0 and value in self.bounds):
            return None
        if self.logarithmic and value > 0:
            return (value * math.exp(-half / value), value * math.exp(half / value))
        low, high = self.bounds
        return (value - half if low is None else max(low, value - half), _least(high, value + half))

    def compare(self, scores: Scores, base: Scores) -> Paired:
        """The difference, with an interval from the differences of influences."""
        (value, influence), (other, before) = self.estimate(scores), self.estimate(base)
        delta, half = value - other, half_width(influence - before)
        return Paired(delta, None if half is None or not math.isfinite(delta) else (delta - half, delta + half))


def _least(bound: float | None, value: float) -> float:
    return value if bound is None else min(bound, value)


class Mean(Smooth):
    """Scores: shape ``(n, 1)``; the value is their mean."""

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """Influence: how far a sample is from the mean."""
        value = float(scores[:, 0].mean())
        return value, scores[:, 0] - value


class Ratio(Smooth):
    """Scores: shape ``(n, 2)``; the value is the sum of the first column over that of the second."""

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """Influence: what a sample adds above beyond its due below; NaN if there is nothing below."""
        above, below = scores[:, 0].mean(), scores[:, 1].mean()
        if below == 0:
            return math.nan, np.zeros(scores.shape[0])
        value = float(above / below)
        return value, (scores[:, 0] - value * scores[:, 1]) / below


def half_width(influence: Scores) -> float | None:
    """Half of the 95 % interval of a mean of influences; None below two samples."""
    n = influence.size
    if n < 2:
        return None
    return t975(n - 1) * math.sqrt(float(np.square(influence).sum()) / (n - 1) / n)


@lru_cache(maxsize=256)
def t975(freedom: int) -> float:
    """Student's t, 97.5 %."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
