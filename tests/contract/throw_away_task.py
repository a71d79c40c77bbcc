"""A metric and a task that the program does not bring, as the text of their files."""

from __future__ import annotations

__all__ = ["METRIC", "TASK"]

METRIC = '''
"""A metric that the program does not bring: the largest error of any sample."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Direction, Paired, Scores
from qexplorer.measure.metrics.kinds.facts import MetricFacts
from qexplorer.measure.metrics.rows.numbers import rows_of

__all__ = ["ENTRIES", "WorstError"]


class WorstError(MetricFacts):
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
'''

TASK = '''
"""A task that the program does not bring: numbers to come, judged by the worst of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.model import TensorInfo

__all__ = ["ENTRIES", "Forecast"]


class Forecast:
    """Only a person can choose it: no labels mean it by themselves."""

    name = "forecast"
    takes = "numbers to come, of shape (n,)"
    metrics = ("worst_error", "rmse")
    needs_labels = True
    loss = None

    def means(self, labels: Array | None) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def checked(self, labels: Array, where: str) -> Array:  # noqa: ARG002
        """float64."""
        return np.asarray(labels, np.float64)

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """All fit."""

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002
        """Its own."""
        return "worst_error"


ENTRIES = (Forecast(),)
'''
