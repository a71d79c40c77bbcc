"""A metric that the program does not bring: the largest error of any sample."""

from __future__ import annotations

import numpy as np

from qexplorer.core.metric import Answers, Direction, Paired, Scores
from qexplorer.measure.metrics.kinds.facts import Facts
from qexplorer.measure.metrics.rows.numbers import rows_of

__all__ = ["ENTRIES", "WorstError"]


class WorstError(Facts):
    """It has no interval, as a largest value has none without a model of its distribution."""

    name, title, unit, form = "worst_error", "worst error", "mm", ".2f"
    direction = Direction.LOWER
    tasks = ("forecast",)

    def scores(self, answers: Answers) -> Scores:
        """The largest error of each sample."""
        found, labels = rows_of(answers)
        return np.asarray(np.abs(found - labels).max(axis=1, keepdims=True))

    def value(self, scores: Scores) -> float:
        """The largest of all."""
        return float(scores.max())

    def interval(self, scores: Scores) -> None:
        """None."""

    def compare(self, scores: Scores, base: Scores) -> Paired:
        """The difference alone."""
        return Paired(self.value(scores) - self.value(base))


ENTRIES = (WorstError(),)
