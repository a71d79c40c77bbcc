"""Which samples a training learns from, and which are held back to judge."""

from __future__ import annotations

import numpy as np

from qexplorer.core.dataset import Array, DataSet
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.load.datasets.sampling import spread_order
from qexplorer.quantize.training.recipes import asked_of

__all__ = ["held_back_rows", "parts"]


def parts(n: int, share: float, strata: Array | None) -> tuple[Array, Array]:
    """Rows to learn from and rows that are held back, strata in proportion."""
    order = spread_order(n, strata)
    count = min(max(round(n * share), 1), n - 1)
    return order[count:], order[:count]


def held_back_rows(recipe: Recipe, data: DataSet) -> Array:
    """Rows of the calibration part that a training by ``recipe`` holds back; none where it does not train."""
    asked, split = asked_of(recipe), data.calibration
    if asked is None:
        return np.zeros(0, np.int64)
    strata = None if split.labels is None else task_of(data).strata(split.labels)
    return parts(split.n, float(asked.options["held_back"]), strata)[1]
