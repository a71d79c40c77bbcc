"""Intervals and tests for what is measured here. 95 % throughout, two-sided.

- a proportion: Wilson's score interval (Wilson 1927);
- a paired difference of proportions: Tango's score interval (Tango 1998, Statistics in Medicine 17, 891-908), which
  stays honest when few or no pairs differ, where Wald's interval has width zero; it holds 0 where the next test does;
- paired flips: McNemar's exact test, a two-sided binomial test on the pairs that differ;
- a median: order statistics, whose coverage is binomial whatever the distribution (David and Nagaraja 2003, 7.1);
- a mean of few windows: Student's t;
- any other quantile of calls that come in groups: Woodruff's interval (Woodruff 1952, JASA 47, 635-646) for a cluster
  sample (Cochran 1977, Sampling Techniques, 3.12): calls of one round are not independent.

Binomial and Student's distributions are SciPy's. Wilson's two lines stand here, because ``scipy.stats``, which has
them, takes about a second to import, four times as long as ``scipy.special``; a test holds them to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.results import Interval

__all__ = [
    "Z95",
    "grouped_quantile_interval",
    "mcnemar_exact",
    "median_interval",
    "normal_quantile",
    "paired_difference_interval",
    "quantile",
    "ratio_interval",
    "student_half",
    "wilson_interval",
]

Z95 = 1.959963984540054
Float64 = NDArray[np.float64]


def wilson_interval(successes: int, n: int) -> Interval:
    """Wilson's score interval for a proportion; ValueError without samples."""
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is not a proportion")
    p, zz = successes / n, Z95 * Z95
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
    return (0.0 if successes == 0 else max(0.0, centre - half), 1.0 if successes == n else min(1.0, centre + half))


def normal_quantile(p: float) -> float:
    """Where the standard normal distribution has ``p`` below it."""
    from scipy.special import ndtri

    return float(ndtri(p))


def paired_difference_interval(fixed: int, broken: int, n: int, *, z: float = Z95) -> Interval:
    """Tango's score interval for ``(fixed - broken) / n``, which holds 0 wherever McNemar's exact test allows it.

    The score test rejects a little more often than the exact one where few pairs differ (0 against 5: p 0.06). An
    interval beside the exact p must not say otherwise, so it then reaches to 0; it only becomes wider by that.

    Args:
        fixed: pairs that only the second is right about.
        broken: pairs that only the first is right about.
        n: all pairs.
        z: normal quantile of the level; by default 95 %.

    Raises:
        ValueError: the counts are no counts of ``n`` pairs.
    """
    if fixed < 0 or broken < 0 or n < 1 or fixed + broken > n:
        raise ValueError(f"{fixed} and {broken} of {n} pairs cannot be")
    estimate = (fixed - broken) / n
    low = -1.0 if estimate == -1.0 else _bisect(fixed, broken, n, -1.0, estimate, z)
    high = 1.0 if estimate == 1.0 else _bisect(fixed, broken, n, estimate, 1.0, -z)
    low, high = min(low, estimate), max(high, estimate)
    if mcnemar_exact(fixed, broken) > math.erfc(z / math.sqrt(2)):
        low, high = min(low, 0.0), max(high, 0.0)
    return low, high


def _bisect(b: int, c: int, n: int, left: float, right: float, target: float) -> float:
    """Where the score, which falls as the difference grows, passes ``target``."""
    for _ in range(60):
        middle = (left + right) / 2
        if _score(b, c, n, middle) > target:
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _score(b: int, c: int, n: int, delta: float) -> float:
    """Tango's statistic (his equation 7) with the constrained estimate of the discordant probability."""
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    root = math.sqrt(max(linear * linear - 8 * n * constant, 0.0))
    q = (root - linear) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    distance = b - c - n * delta
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def mcnemar_exact(fixed: int, broken: int) -> float:
    """Two-sided exact p of ``fixed`` against ``broken`` flips being equally likely; 1.0 when nothing flipped."""
    n, fewer = fixed + broken, min(fixed, broken)
    if n == 0:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2.0 * float(bdtr(fewer, n, 0.5)))


def median_interval(values: Sequence[float] | Float64) -> Interval | None:
    """Interval of the median from order statistics; None below 6 values, where none has 95 % coverage."""
    ordered = np.sort(np.asarray(values, np.float64))
    n = ordered.size
    if n < 6:
        return None
    from scipy.special import bdtr

    outside = int(np.count_nonzero(2 * bdtr(np.arange(n // 2 + 1), n, 0.5) <= 0.05))
    return (float(ordered[outside - 1]), float(ordered[n - outside]))


def quantile(values: Sequence[float] | Float64, p: float) -> float | None:
    """The ``p`` quantile (linear interpolation), or None where it has no 95 % interval even from independent values.

    That takes so many values that one beyond the quantile is all but sure (``1 - max(p, 1 - p)**n >= 0.975``): the
    median 6 values, of which it is shown from the first on, as its interval is judged apart; p90 36; p99 368.
    """
    array = np.asarray(values, np.float64)
    if array.size == 0 or (p != 0.5 and max(p, 1 - p) ** array.size > 0.025):
        return None
    return float(np.quantile(array, p))


def grouped_quantile_interval(groups: Sequence[Sequence[float] | Float64], p: float) -> Interval | None:
    """Interval of the ``p`` quantile of values that come in groups whose members may resemble each other.

    Woodruff's: the share of values below the quantile has a standard error, and the quantiles at the ends of that
    share's interval are the ends of the quantile's. The error is that of as many independent values as these are worth:
    their number over the design effect (Kish 1965, Survey Sampling, 8.2), taken at the median as well, where groups
    show best how alike they are; the larger of the two counts. Student's t, one degree of freedom less than there are
    groups.

    Returns:
        The interval; None below 6 groups, or where independent values that few would have none (see :func:`quantile`).
    """
    arrays = [np.asarray(group, np.float64) for group in groups]
    values = np.concatenate(arrays) if arrays else np.empty(0)
    if len(arrays) < 6 or values.size == 0:
        return None
    from scipy.special import stdtrit

    at = float(np.quantile(values, p))
    worth = values.size / max(1.0, _design_effect(arrays, at), _design_effect(arrays, float(np.median(values))))
    half = float(stdtrit(len(arrays) - 1, 0.975)) * math.sqrt(p * (1 - p) / worth)
    if max(p, 1 - p) ** worth > 0.025 or min(p, 1 - p) - half < 0.5 / worth:
        return None
    return (min(float(np.quantile(values, p - half)), at), max(float(np.quantile(values, p + half)), at))


def student_half(values: Float64) -> float:
    """Half the width of Student's interval of the mean of at least two independent values."""
    from scipy.special import stdtrit

    return float(stdtrit(values.size - 1, 0.975) * values.std(ddof=1)) / math.sqrt(values.size)


def _design_effect(groups: Sequence[Float64], at: float) -> float:
    """How many times larger the variance of the share of values up to ``at`` is than if all were independent."""
    sizes = np.array([group.size for group in groups], np.float64)
    below = np.array([np.count_nonzero(group <= at) for group in groups], np.float64)
    n, k = sizes.sum(), len(groups)
    share = below.sum() / n
    between = k / (k - 1) * float(((below - share * sizes) ** 2).sum()) / n**2
    independent = share * (1 - share) / n
    return between / independent if independent > 0 else 1.0


def ratio_interval(
    above: Sequence[float] | Float64, below: Sequence[float] | Float64, *, seed: int = 0
) -> Interval | None:
    """Interval of ``median(above) / median(below)`` for values paired by round; None below 6 rounds.

    Percentile bootstrap over rounds (Efron and Tibshirani 1993, 13.3), 2,000 draws, seeded; a round is drawn with both
    of its values, so that what slowed both does not widen the interval. It always holds the estimate.
    """
    x, y = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if x.shape != y.shape:
        raise ValueError("paired values must come in equal numbers")
    if x.size < 6:
        return None
    draws = np.random.default_rng(seed).integers(0, x.size, (2000, x.size))
    ratios = np.median(x[draws], axis=1) / np.median(y[draws], axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    estimate = float(np.median(x) / np.median(y))
    return (min(float(low), estimate), max(float(high), estimate))
