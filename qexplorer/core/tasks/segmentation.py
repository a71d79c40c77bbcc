"""One class a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.core.model import TensorInfo
from qexplorer.core.tasks.label_checks import are_whole, same_shape, shape_text, whole_numbers

__all__ = ["ENTRIES", "IGNORED", "Segmentation"]

IGNORED = 255
"""Label of pixels that are not judged, as in Pascal VOC and Cityscapes."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The first output has scores (n, classes, h, w), or class numbers (n, h, w)."""

    name: str = "segmentation"
    takes: str = f"masks of class numbers 0, 1, 2, ... of shape (n, h, w); {IGNORED} is not judged"
    metrics: tuple[str, ...] = ("miou",)
    needs_labels: bool = True
    loss: str | None = "cross_entropy"

    def means(self, labels: Array | None) -> bool:
        """Whole numbers in pictures, with or without an axis for one channel."""
        return labels is not None and labels.dtype.kind in "biu" and _plain(labels).ndim == 3

    def checked(self, labels: Array, where: str) -> Array:
        """int64 of shape (n, h, w); raises DataError."""
        values = _plain(labels)
        if values.ndim != 3 or not are_whole(values):
            what = f"the labels have shape {labels.shape} and type {labels.dtype}"
            raise DataError(what, where=where, allowed=self.takes, do="give one mask for each sample")
        return whole_numbers(values, "class", where, lowest=0)

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """Masks must be as large as the answer, and hold classes that it has."""
        shape = outputs[0].shape if outputs else ()
        if not shape:
            return
        scores = len(shape) == 4
        expected = (*shape[:1], *shape[2:]) if scores else shape
        if len(shape) not in (3, 4) or not same_shape(labels.shape[1:], expected[1:]):
            raise DataError(
                f"the masks have shape {shape_text(labels.shape)}, the first output has {shape_text(shape)}",
                where=where,
                allowed="masks (n, h, w) for an output (n, classes, h, w) or (n, h, w)",
                do="give masks of the output's height and width, or choose another task",
            )
        judged = labels[labels != IGNORED]
        if scores and isinstance(shape[1], int) and judged.size and int(judged.max()) >= shape[1]:
            raise DataError(
                f"the masks hold the class {int(judged.max())}, and the model has {shape[1]} classes",
                where=where,
                allowed=f"0 to {shape[1] - 1}, and {IGNORED} for what is not judged",
                do="check that the classes start at 0 and belong to this model",
            )

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:  # noqa: ARG002 - the same for all models
        """Never: one a pixel."""
        return False

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002 - a picture has many classes
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002 - the same for all models
        """Mean intersection over union."""
        return "miou"


def _plain(labels: Array) -> Array:
    """Without an axis for a single channel, wherever it stands."""
    if labels.ndim == 4 and 1 in (labels.shape[1], labels.shape[3]):
        return labels[:, 0] if labels.shape[1] == 1 else labels[..., 0]
    return labels


ENTRIES = (Segmentation(),)
