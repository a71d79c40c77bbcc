"""Metrics that are a mean of shares, one of each class, so that rare classes count as much as frequent ones.

Interval: classes are independent of each other, each share has Wilson's interval, and the limits of their mean are
recovered from the limits of the parts (MOVER: Zou and Donner 2008, Statistics in Medicine 27, 1693-1702). Paired
comparison: the same from Tango's intervals of each class's difference. Both stay honest where no sample is wrong or
none changed, and are wider than need be there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qexplorer.core.plugin_kinds.metric import Paired, Scores
from qexplorer.core.results import Interval
from qexplorer.measure.metrics.kinds.facts import ShareFacts
from qexplorer.measure.metrics.statistics import paired_difference_interval, wilson_interval

__all__ = ["MeanOfShares"]


class MeanOfShares(ShareFacts):
    """Scores: shape ``(n, 2)``: 1 where the sample is right, else 0; and the sample's class."""

    def value(self, scores: Scores) -> float:
        """The mean, over classes that have samples, of the share that is right."""
        return float(np.mean([hits / n for hits, n in _counts(scores)]))

    def interval(self, scores: Scores) -> Interval | None:
        """MOVER from Wilson's intervals."""
        parts = _counts(scores)
        return _recovered([hits / n for hits, n in parts], [wilson_interval(hits, n) for hits, n in parts])

    def compare(self, scores: Scores, base: Scores) -> Paired:
        """MOVER from Tango's intervals."""
        right, before = scores[:, 0] > 0, base[:, 0] > 0
        deltas, intervals = [], []
        for number in np.unique(scores[:, 1]):
            own = scores[:, 1] == number
            fixed, broken = int((right & ~before & own).sum()), int((~right & before & own).sum())
            deltas.append((fixed - broken) / int(own.sum()))
            intervals.append(paired_difference_interval(fixed, broken, int(own.sum())))
        fixed, broken = int((right & ~before).sum()), int((~right & before).sum())
        return Paired(float(np.mean(deltas)), _recovered(deltas, intervals), fixed=fixed, broken=broken)


def _counts(scores: Scores) -> list[tuple[int, int]]:
    """(right, all) of each class that has samples."""
    rows = [scores[scores[:, 1] == number, 0] for number in np.unique(scores[:, 1])]
    return [(int(row.sum()), int(row.size)) for row in rows]


def _recovered(values: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """Limits of the mean of independent ``values`` from their own limits (Zou and Donner's equation for a sum)."""
    middle, k = float(np.mean(values)), len(values)
    below = math.sqrt(sum((v - low) ** 2 for v, (low, _) in zip(values, intervals, strict=True))) / k
    above = math.sqrt(sum((high - v) ** 2 for v, (_, high) in zip(values, intervals, strict=True))) / k
    return (middle - below, middle + above)
