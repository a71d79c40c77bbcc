"""A task that the program does not bring: numbers to come, judged by the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.model import TensorInfo

__all__ = ["ENTRIES", "Forecast"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Only a person can choose it: no labels mean it by themselves."""

    name: str = "forecast"
    takes: str = "numbers to come, of shape (n,)"
    metrics: tuple[str, ...] = ("worst_error", "rmse")
    needs_labels: bool = True
    classes: bool = False

    def means(self, labels: Array | None) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def checked(self, labels: Array, where: str) -> Array:  # noqa: ARG002
        """float64."""
        return np.asarray(labels, np.float64)

    def check_fit(self, labels: Array, outputs: Sequence[TensorInfo], where: str) -> None:
        """All fit."""

    def strata(self, labels: Array) -> Array | None:  # noqa: ARG002
        """None."""
        return None

    def primary(self, outputs: Sequence[TensorInfo]) -> str:  # noqa: ARG002
        """Its own."""
        return "worst_error"


ENTRIES = (Forecast(),)
