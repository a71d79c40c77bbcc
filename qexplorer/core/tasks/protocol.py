"""What a task is: the labels that it takes, and the metrics that judge answers by them.

How to add a task: one file in ``qexplorer/core/tasks/`` with a class that follows :class:`Task`, and
``ENTRIES = (MyTask(),)`` at its end. It names its metrics, the primary one first; a metric that names the task joins
them. Readers, judging, words, charts, the command line's help and the app's list follow. Wrong labels get one sentence
of :class:`qexplorer.core.errors.DataError`: what, where, what is allowed, what to do. A section of
``docs/tasks.md`` goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qexplorer.core.dataset import Array
from qexplorer.core.model import TensorInfo
from qexplorer.core.registry import Named

__all__ = ["Task"]


class Task(Named, Protocol):
    """One task, such as ``regression``; see the module for how to add one."""

    @property
    def takes(self) -> str:
        """The labels that it takes, dtype and shape, as the end of a sentence."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of its metrics, the primary one first."""
        ...

    @property
    def needs_labels(self) -> bool:
        """Whether nothing can be judged without labels."""
        ...

    @property
    def loss(self) -> str | None:
        """What training makes small on labels: ``cross_entropy``, ``squared_error``, or None where there is nothing."""
        ...

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:
        """Whether an answer of a model with these outputs is one class a sample, so that changed answers can be shown
        one by one."""
        ...

    def means(self, labels: Array | None) -> bool:
        """Whether labels like these, as a file holds them, mean this task if nobody names another."""
        ...

    def checked(self, labels: Array, where: str) -> Array:
        """``labels`` (finite numbers, first axis the samples) as the task keeps them; raises DataError."""
        ...

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """Raises DataError for (checked) labels that cannot belong to answers of these shapes."""
        ...

    def strata(self, labels: Array) -> Array | None:
        """Whole numbers, one a sample, that both parts of a split get in proportion; None for a plain draw."""
        ...

    def primary(self, outputs: Sequence[TensorInfo]) -> str:
        """Name of the metric that a model with these outputs is first judged by."""
        ...
