"""Root mean squared error, in the unit of the labels."""

from __future__ import annotations

import math

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Direction, Scores
from qexplorer.measure.metrics.kinds.smooth import Smooth
from qexplorer.measure.metrics.rows.numbers import rows_of

__all__ = ["ENTRIES", "Rmse"]


class Rmse(Smooth):
    """The root of the mean over samples of the squared error (mean over a sample's numbers)."""

    name, title = "rmse", "RMSE"
    direction = Direction.LOWER
    bounds = (0.0, None)
    logarithmic = True

    def scores(self, answers: Answers) -> Scores:
        """Each sample's mean squared error."""
        found, labels = rows_of(answers)
        return np.asarray(np.square(found - labels).mean(axis=1, keepdims=True))

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """The derivative of the root at the mean, times how far a sample is from it."""
        mean = float(scores[:, 0].mean())
        root = math.sqrt(mean)
        return root, (scores[:, 0] - mean) / (2 * root) if root else np.zeros(scores.shape[0])


ENTRIES = (Rmse(),)
