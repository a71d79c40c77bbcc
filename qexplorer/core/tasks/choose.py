"""Which task a data set is for, and which metrics a model is judged by there."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.dataset import Array, DataSet
from qexplorer.core.errors import DataError
from qexplorer.core.model import TensorInfo
from qexplorer.core.plugin_kinds.metric import Metric
from qexplorer.core.plugins import METRICS, TASKS
from qexplorer.core.tasks.protocol import Task

__all__ = ["AGREEMENT", "SIMILARITY", "inferred_task", "metrics_of", "task_of"]

SIMILARITY = "similarity"
"""The task without labels."""

AGREEMENT = "agreement"
"""The task without labels where somebody has said that answers are classes."""


def inferred_task(labels: Array | None, where: str) -> Task:
    """The task that labels like these mean; raises DataError where they mean none."""
    found = next((task for task in TASKS if task.means(labels)), None)
    if found is None:
        shape, kind = ((), "none") if labels is None else (labels.shape, labels.dtype)
        raise DataError(
            f"labels of type {kind} and shape {shape} mean no task that is known",
            where=where,
            allowed="; ".join(f"{task.name}: {task.takes}" for task in TASKS),
            do="name the task",
        )
    return found


def task_of(data: DataSet) -> Task:
    """The task of ``data``: the one it names, or the one its labels mean. Raises UnknownName, DataError."""
    return TASKS.get(data.task) if data.task is not None else inferred_task(data.evaluation.labels, data.name)


def metrics_of(task: Task, outputs: Sequence[TensorInfo]) -> tuple[Metric, ...]:
    """Metrics of ``task`` for a model with these outputs, the primary one first; then its others, then those that
    name the task themselves. Raises UnknownName for a metric that is not registered."""
    own = [task.primary(outputs), *task.metrics, *(metric.name for metric in METRICS if task.name in metric.tasks)]
    return tuple(METRICS.get(name) for name in dict.fromkeys(own))
