"""Metrics that are a share of samples: each is right or wrong.

Interval: Wilson's score interval. Paired comparison: Tango's score interval for the difference, McNemar's exact test
for the samples that changed sides (``statistics`` names the sources).
"""

from __future__ import annotations

from qexplorer.core.plugin_kinds.metric import Paired, Scores
from qexplorer.core.results import Interval
from qexplorer.measure.metrics.kinds.facts import ShareFacts
from qexplorer.measure.metrics.statistics import mcnemar_exact, paired_difference_interval, wilson_interval

__all__ = ["Proportion"]


class Proportion(ShareFacts):
    """Scores: shape ``(n, 1)``, 1 where the sample is right, else 0."""

    def value(self, scores: Scores) -> float:
        """The share of 1s."""
        return int(scores[:, 0].sum()) / int(scores.shape[0])

    def interval(self, scores: Scores) -> Interval | None:
        """Wilson's."""
        return wilson_interval(int(scores[:, 0].sum()), int(scores.shape[0]))

    def compare(self, scores: Scores, base: Scores) -> Paired:
        """Tango's interval, McNemar's test."""
        right, before = scores[:, 0] > 0, base[:, 0] > 0
        n = int(right.size)
        fixed, broken = int((right & ~before).sum()), int((~right & before).sum())
        return Paired(
            delta=(fixed - broken) / n,
            ci95=paired_difference_interval(fixed, broken, n),
            p=mcnemar_exact(fixed, broken),
            fixed=fixed,
            broken=broken,
        )
