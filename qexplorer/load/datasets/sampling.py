"""Which samples of a part are used where not all are: a seeded draw without replacement, spread over the strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.tasks.choose import task_of

__all__ = ["SEED", "CalibrationDraw", "calibration_sample", "spread_order"]

SEED = 20240229
"""Of every draw: the same data give the same sample anywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationDraw:
    """Samples that were drawn, and from how many.

    Attributes:
        split: the samples.
        available: how many there were.
        by_class: whether strata (classes) were kept in proportion.
    """

    split: Split
    available: int
    by_class: bool

    @property
    def used(self) -> int:
        """How many were drawn."""
        return self.split.n if self.split.inputs else 0

    @property
    def text(self) -> str:
        """How many of how many, and how they were chosen, such as ``512 of 5,000 calibration samples, drawn ...``."""
        if self.used == self.available:
            return f"all {self.used:,} calibration samples"
        how = "drawn with a fixed seed" + (", classes in proportion" if self.by_class else "")
        return f"{self.used:,} of {self.available:,} calibration samples, {how}"


def calibration_sample(data: DataSet, samples: int) -> CalibrationDraw:
    """At most ``samples`` of the calibration part: all of it in its order, or a draw over the whole of it.

    A beginning would hold what the file begins with, one class perhaps. Of labels that the task can stratify by, each
    class gets its share, and each at least one sample where there is room. Every beginning of what is drawn is spread
    in the same way.
    """
    split = data.calibration
    if not split.inputs or samples >= split.n:
        return CalibrationDraw(split, split.n if split.inputs else 0, False)
    strata = None if split.labels is None else task_of(data).strata(split.labels)
    order = spread_order(split.n, strata)
    if strata is not None:
        _, first = np.unique(strata[order], return_index=True)
        if len(first) <= samples:  # the first of each class come first, so that rare ones are among them
            ahead = np.sort(first)
            order = np.concatenate([order[ahead], np.delete(order, ahead)])
    return CalibrationDraw(split.take(order[: max(samples, 0)]), split.n, strata is not None)


def spread_order(n: int, strata: Array | None) -> NDArray[np.intp]:
    """All positions below ``n`` in random order (always the same), every beginning with the strata in proportion.

    Args:
        n: how many there are.
        strata: whole numbers, shape ``(n,)``; None for a plain order.
    """
    order = np.random.default_rng(SEED).permutation(n)
    if strata is None:
        return order
    _, stratum, sizes = np.unique(strata[order], return_inverse=True, return_counts=True)
    members = np.argsort(stratum, kind="stable")  # stratum by stratum, each in the drawn order
    size = np.repeat(sizes, sizes)
    within = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.empty(n, np.float64)
    place[members] = (within + 0.5) / size
    found: NDArray[np.intp] = order[np.argsort(place, kind="stable")]
    return found
