"""Judging a network in training by the task's own metric, and that in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qexplorer.core.dataset import Array
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.metric import Answers, Metric, NoScore
from qexplorer.core.tasks.protocol import Task
from qexplorer.core.words.numbers import fixed_text
from qexplorer.load.outputs import threshold_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Judge", "metric_text"]


class Judge:
    """Judges answers as a comparison does.

    Args:
        metric: the task's first metric; None judges nothing.
        threshold: where a single score turns from class 0 to class 1; None where an answer is no class.
    """

    def __init__(self, metric: Metric | None = None, threshold: float | None = None) -> None:
        self.metric, self._threshold = metric, threshold

    @classmethod
    def of(cls, task: Task, model: Model) -> Judge:
        """The judge of a task's answers by a model."""
        from qexplorer.core.plugins import METRICS

        threshold = threshold_of(model) if task.classes(model.outputs) else None
        return cls(METRICS.get(task.primary(model.outputs)), threshold)

    def value(
        self, outputs: Sequence[Tensor], floats: Sequence[Tensor], labels: Array | None
    ) -> tuple[float | None, tuple[float, float] | None]:
        """The metric and its 95 % interval; None and None where there is none.

        Args:
            outputs: of the network, first axis the samples.
            floats: of the float network for the same samples.
            labels: theirs, or None.
        """
        found, wanted = ([each.detach().cpu().numpy() for each in part] for part in (outputs, floats))
        return self.of_arrays(found, wanted, labels)

    def of_arrays(
        self, outputs: Sequence[Array], floats: Sequence[Array], labels: Array | None
    ) -> tuple[float | None, tuple[float, float] | None]:
        """As :meth:`value`, of what any runtime answered."""
        if self.metric is None:
            return None, None
        n = int(outputs[0].shape[0])
        try:
            scores = self.metric.scores(Answers(outputs, n, labels, floats, self._threshold))
        except NoScore:
            return None, None
        value = self.metric.value(scores)
        return (value, self.metric.interval(scores)) if math.isfinite(value) else (None, None)


def metric_text(value: float, metric: Metric) -> str:
    """``95.8 %`` or ``0.31 px``: a value in its metric's unit."""
    shown = 100 * value if metric.unit == "%" else value
    return f"{fixed_text(shown, metric.form)} {metric.unit}".rstrip()
