"""R2, the coefficient of determination: the share of the labels' variance that the answers explain."""

from __future__ import annotations

import math

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Scores
from qexplorer.measure.metrics.kinds.smooth import Ratio
from qexplorer.measure.metrics.rows.numbers import rows_of

__all__ = ["ENTRIES", "R2"]


class R2(Ratio):
    """One less the squared error over the squared distance from the mean label, of all numbers together.

    With several numbers a sample each has its own mean and weighs by its variance (``variance_weighted`` in
    scikit-learn). Scores: squared error, squared distance. The mean is that of these very samples, so scores
    of different sets of samples cannot be put together.
    """

    name, title = "r2", "R²"
    bounds = (None, 1.0)
    undefined = "all labels are equal, so there is no variance to explain"

    def scores(self, answers: Answers) -> Scores:
        """Shape ``(n, 2)``."""
        found, labels = rows_of(answers)
        away = labels - labels.mean(axis=0, keepdims=True)
        return np.stack([np.square(found - labels).sum(axis=1), np.square(away).sum(axis=1)], axis=1)

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """As for a ratio: where the mean label lies does not matter to first order."""
        ratio, influence = super().estimate(scores)
        return (math.nan if math.isnan(ratio) else 1.0 - ratio), -influence


ENTRIES = (R2(),)
