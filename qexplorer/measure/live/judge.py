"""How good a variant's answers are while it streams: the task's primary metric over the samples that came so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.core.plugins import METRICS
from qexplorer.core.results import Interval

__all__ = ["LiveJudge", "first_sample"]


class LiveJudge:
    """Scores of one variant. A sample that comes again gets the same answer, so it counts once, however often it came.

    Args:
        metric: name of a metric that needs no answers of the float model.
        labels: file of the labels of all samples.
        n: samples in all.
        threshold: see ``predictions``.
        scores: what :meth:`told` returned when the stream was last interrupted.
    """

    def __init__(
        self, metric: str, labels: str | None, n: int, threshold: float | None, scores: Mapping[str, Sequence[float]]
    ) -> None:
        self._metric, self._n, self._threshold = METRICS.get(metric), n, threshold
        self._labels = None if labels is None else np.load(labels, mmap_mode="r", allow_pickle=False)
        self._scores: dict[int, Scores] = {int(row): np.asarray(each, np.float64) for row, each in scores.items()}

    def see(self, row: int, outputs: Sequence[Array]) -> None:
        """Scores the answer to the sample at ``row``, unless it was scored before or has no score."""
        if row in self._scores:
            return
        labels = None if self._labels is None else self._labels[row : row + 1]
        try:
            self._scores[row] = self._metric.scores(Answers(outputs, 1, labels, None, self._threshold))[0]
        except NoScore:
            return

    def result(self) -> tuple[int, float | None, Interval | None]:
        """Different samples, the metric over them, its interval."""
        if not self._scores:
            return 0, None, None
        widest = max(each.size for each in self._scores.values())  # classes that only a later sample names
        scores = np.stack([np.pad(each, (0, widest - each.size)) for each in self._scores.values()])
        value = self._metric.value(scores)
        return len(scores), *((value, self._metric.interval(scores)) if math.isfinite(value) else (None, None))

    def told(self) -> dict[str, list[float]]:
        """The scores as plain data, by row."""
        return {str(row): each.tolist() for row, each in self._scores.items()}


def first_sample(found: Any) -> list[Array]:
    """Of each output the answer to the first sample of a call, the samples' axis kept."""
    outputs = [np.asarray(each) for each in (found.values() if hasattr(found, "values") else found)]
    return [output[:1] if output.ndim else output for output in outputs]
