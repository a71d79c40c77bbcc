"""Perplexity: how many tokens the model wavers between, on average, at each place."""

from __future__ import annotations

import math

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Direction, NoScore, Scores
from qexplorer.measure.metrics.kinds.smooth import Ratio
from qexplorer.measure.metrics.rows.places import rows_of

__all__ = ["ENTRIES", "Perplexity"]


class Perplexity(Ratio):
    """The exponential of the mean negative log-likelihood of the labels, over all judged places of all samples.

    Jelinek et al. 1977 (JASA 62, S63). Scores: the sum over a sample's places, and their number.
    """

    name, title = "perplexity", "perplexity"
    direction = Direction.LOWER
    bounds = (1.0, None)
    logarithmic = True
    undefined = "no place is judged"

    def scores(self, answers: Answers) -> Scores:
        """Shape ``(n, 2)``; natural logarithms."""
        rows = np.empty((answers.n, 2))
        for i, (logits, wanted) in enumerate(rows_of(answers)):
            top = logits.max(axis=1, keepdims=True)
            sums = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
            rows[i] = (sums - logits[np.arange(len(wanted)), wanted]).sum(), len(wanted)
        if not np.isfinite(rows).all():
            raise NoScore("a label has no likelihood: its logit, or another, is not a finite number")
        return rows

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """The exponential of the ratio; its derivative is itself."""
        mean, influence = super().estimate(scores)
        value = math.exp(min(mean, 700.0)) if not math.isnan(mean) else math.nan
        return value, influence * (0.0 if math.isnan(value) else value)


ENTRIES = (Perplexity(),)
