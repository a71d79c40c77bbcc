"""To name the class that the float model names: what can be asked of a classifier without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.dataset import Array
from qexplorer.core.model import TensorInfo

__all__ = ["ENTRIES", "AgreementTask"]


@dataclass(frozen=True, slots=True)
class AgreementTask:
    """Somebody says that the first output names a class for each sample; labels that are there are left aside."""

    name: str = "agreement"
    takes: str = "no labels; the first output is a table of scores, a class number, or one score with a threshold"
    metrics: tuple[str, ...] = ("agreement", "sqnr", "cosine", "worst_output_sqnr")
    needs_labels: bool = False
    loss: str | None = None

    def means(self, labels: Array | None) -> bool:  # noqa: ARG002 - labels cannot say it
        """Never: it is asked for by name."""
        return False

    def checked(self, labels: Array, where: str) -> Array:  # noqa: ARG002 - they are not looked at
        """As they are."""
        return labels

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """Nothing to check."""

    def classes(self, outputs: Sequence[TensorInfo]) -> bool:  # noqa: ARG002 - the task says so
        """Always."""
        return True

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002 - a plain draw
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002 - the same for all models
        """Agreement with float."""
        return "agreement"


ENTRIES = (AgreementTask(),)
