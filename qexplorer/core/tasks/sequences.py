"""One token, or one class, at each place of a sequence: language models, taggers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.core.model import TensorInfo
from qexplorer.core.tasks.label_checks import are_whole, is_one_hot, same_shape, shape_text, whole_numbers

__all__ = ["ENTRIES", "IGNORED", "Sequences"]

IGNORED = -100
"""Label of places that are not judged, as in PyTorch's cross entropy."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """The first output has logits (n, t, vocabulary); a label is the token that the logits of its place predict.

    Labels of a language model are its inputs moved one place to the left; nothing is moved here.
    """

    name: str = "sequences"
    takes: str = f"token numbers 0, 1, 2, ... of shape (n, t); {IGNORED} is not judged"
    metrics: tuple[str, ...] = ("perplexity", "token_accuracy")
    needs_labels: bool = True
    loss: str | None = "cross_entropy"

    def means(self, labels: Array | None) -> bool:
        """Integers, several a sample in one row, that are no one-hot rows."""
        if labels is None or labels.dtype.kind not in "iu" or labels.ndim != 2:
            return False
        return labels.shape[1] > 1 and not is_one_hot(labels)

    def checked(self, labels: Array, where: str) -> Array:
        """int64 of shape (n, t); raises DataError."""
        if labels.ndim != 2 or not are_whole(labels):
            what = f"the labels have shape {labels.shape} and type {labels.dtype}"
            raise DataError(what, where=where, allowed=self.takes, do="give one row of tokens for each sample")
        return whole_numbers(labels, "token", where, lowest=0, besides=IGNORED)

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """Labels must be as long as the answer, and hold tokens that it has."""
        shape = outputs[0].shape if outputs else ()
        if not shape:
            return
        if len(shape) != 3 or not same_shape(labels.shape[1:], shape[1:2]):
            raise DataError(
                f"the labels have shape {shape_text(labels.shape)}, the first output has {shape_text(shape)}",
                where=where,
                allowed="labels (n, t) for an output (n, t, vocabulary)",
                do="give a label for each place, or choose another task",
            )
        if isinstance(shape[2], int) and labels.size and int(labels.max()) >= shape[2]:
            raise DataError(
                f"the labels hold the token {int(labels.max())}, and the model has {shape[2]}",
                where=where,
                allowed=f"0 to {shape[2] - 1}, and {IGNORED} for what is not judged",
                do="check that the labels belong to this model",
            )

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:  # noqa: ARG002 - the same for all models
        """Never: one a place."""
        return False

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002 - a plain draw
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002 - the same for all models
        """Perplexity."""
        return "perplexity"


ENTRIES = (Sequences(),)
