"""One class a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.core.model import TensorInfo
from qexplorer.core.tasks.label_checks import are_whole, is_one_hot, whole_numbers

__all__ = ["ENTRIES", "Classification"]


@dataclass(frozen=True, slots=True)
class Classification:
    """The first output is a table of scores, a class number, or one score with a threshold (see ``predictions``)."""

    name: str = "classification"
    takes: str = "class numbers 0, 1, 2, ... of shape (n,) or (n, 1), or one-hot rows"
    metrics: tuple[str, ...] = ("accuracy", "top5_accuracy", "balanced_accuracy")
    needs_labels: bool = True
    loss: str | None = "cross_entropy"

    def means(self, labels: Array | None) -> bool:
        """Whole numbers, one a sample, also as one-hot rows."""
        if labels is None or not are_whole(labels):
            return False
        return labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1) or is_one_hot(labels)

    def checked(self, labels: Array, where: str) -> Array:
        """int64 of shape (n,); raises DataError."""
        values = labels
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        elif is_one_hot(values):
            values = values.argmax(axis=1)
        if values.ndim != 1:
            allowed = f"shape ({len(labels)},) or one-hot rows"
            do = "choose another task if a sample has more than one class"
            raise DataError(f"the labels have shape {labels.shape}", where=where, allowed=allowed, do=do)
        return whole_numbers(values, "class", where, lowest=0)

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """Labels must be classes that the first output has, where that is a table of scores."""
        shape = outputs[0].shape if outputs else ()
        if len(shape) != 2 or not isinstance(shape[1], int) or shape[1] < 2 or not labels.size:
            return
        at = int(labels.argmax())
        if int(labels[at]) >= shape[1]:
            raise DataError(
                f"the label {int(labels[at])} is not a class of the model, which has {shape[1]}",
                where=where,
                allowed=f"0 to {shape[1] - 1}",
                do="check that the labels start at 0 and belong to this model",
            )

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:  # noqa: ARG002 - the task says so
        """Always."""
        return True

    def strata(self, labels: Array) -> Array | None:
        """The classes themselves."""
        return np.asarray(labels)

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002 - the same for all models
        """Top-1 accuracy."""
        return "accuracy"


ENTRIES = (Classification(),)
