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
    metrics: tuple[str, ...] = ("sqnr", "cosine", "worst_output_sqnr")
    needs_labels: bool = False
    loss: str | None = None

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

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:
        """Only where every output is known to name a class: the place of the largest coordinate says nothing."""
        return bool(outputs) and all(output.classes for output in outputs)

    def primary(self, outputs: Sequence[TensorInfo]) -> str:
        """``agreement`` where all outputs name classes, else the signal's share over the error's."""
        return "agreement" if self.classes(outputs) else "sqnr"


ENTRIES = (Similarity(),)
