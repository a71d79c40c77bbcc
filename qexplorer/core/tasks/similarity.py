"""To answer as the float model does: all that can be asked without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.dataset import Array
from qexplorer.core.model import TensorInfo

__all__ = ["ENTRIES", "Similarity"]


@dataclass(frozen=True, slots=True)
class Similarity:
    """Every output counts, of whatever shape; labels that are there are left aside."""

    name: str = "similarity"
    takes: str = "no labels"
    metrics: tuple[str, ...] = ("sqnr", "cosine", "worst_output_sqnr", "agreement")
    needs_labels: bool = False
    classes: bool = True

    def means(self, labels: Array | None) -> bool:
        """No labels."""
        return labels is None

    def checked(self, labels: Array, where: str) -> Array:  # noqa: ARG002 - they are not looked at
        """As they are."""
        return labels

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """Nothing to check."""

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002 - a plain draw
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:
        """``agreement`` where the first output names a class for each sample, else the signal's share over the error's.

        It names one if it is a table of two or more scores, or whole numbers, one a sample.
        """
        first = outputs[0] if outputs else None
        if first is None or len(first.shape) < 2 or any(length != 1 for length in first.shape[2:]):
            whole = first is not None and len(first.shape) == 1 and "int" in first.dtype
            return "agreement" if whole else "sqnr"
        return "agreement" if first.shape[1] != 1 or "int" in first.dtype else "sqnr"


ENTRIES = (Similarity(),)
