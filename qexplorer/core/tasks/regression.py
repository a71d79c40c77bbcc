"""Numbers that are measured, one or several a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.core.model import TensorInfo
from qexplorer.core.tasks.label_checks import are_whole, is_one_hot, same_shape, shape_text

__all__ = ["ENTRIES", "Regression"]


@dataclass(frozen=True, slots=True)
class Regression:
    """The first output is compared with the labels, number by number."""

    name: str = "regression"
    takes: str = "numbers of the shape of the first output; (n,) where that is (n, 1)"
    metrics: tuple[str, ...] = ("rmse", "r2")
    needs_labels: bool = True
    loss: str | None = "squared_error"

    def means(self, labels: Array | None) -> bool:
        """Floats with fractions, or tables of floats that are no one-hot rows."""
        if labels is None or labels.dtype.kind != "f":
            return False
        several = labels.ndim > 1 and labels.shape[1:] != (1,)
        return not are_whole(labels) or (several and not is_one_hot(labels))

    def checked(self, labels: Array, where: str) -> Array:  # noqa: ARG002 - every finite number is one
        """float64; (n, 1) becomes (n,)."""
        values = np.asarray(labels, np.float64)
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """The shape of a label must be that of an answer."""
        shape = outputs[0].shape if outputs else ()
        expected = shape[1:-1] if len(shape) > 1 and shape[-1] == 1 and labels.ndim < len(shape) else shape[1:]
        if shape and not same_shape(labels.shape[1:], expected):
            raise DataError(
                f"the labels have shape {shape_text(labels.shape)}, the first output has {shape_text(shape)}",
                where=where,
                allowed=self.takes,
                do="give labels of the model's own shape, or choose another task",
            )

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:  # noqa: ARG002 - the same for all models
        """Never."""
        return False

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002 - a plain draw
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002 - the same for all models
        """Root mean squared error."""
        return "rmse"


ENTRIES = (Regression(),)
