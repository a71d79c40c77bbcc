"""Calibration samples in parts: what ranges are found on, what choices are made by, and what checks the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import DataError
from qexplorer.core.tasks.choose import task_of
from qexplorer.load.datasets.sampling import spread_order

__all__ = ["APART", "LEAST", "calibration_parts"]

APART = 0.3
"""The usual share of what judges."""

LEAST = 8
"""Samples of a part, at least."""


def calibration_parts(data: DataSet, shares: Sequence[float]) -> list[DataSet]:
    """The calibration part in one part more than there are shares, classes in proportion; the first gets what is left.

    Every beginning of the other parts is spread over the classes as well, so that a part of a part is like the whole.
    Digests name the rows, so that what is kept of one part is not taken for another's.

    Args:
        data: fitted to a model; its evaluation part stays as it is.
        shares: of all parts but the first.

    Raises:
        DataError: there are too few samples.
    """
    split, count = data.calibration, len(shares) + 1
    if split.n < LEAST * count:
        need = f"judging on samples set apart needs at least {LEAST * count} calibration samples"
        raise DataError(f"{need}, and there are {split.n}", where=data.name, do="give more samples")
    strata = None if split.labels is None else task_of(data).strata(split.labels)
    order, at, parts = spread_order(split.n, strata), 0, list[DataSet]()
    for share in shares:
        end = at + max(LEAST, round(share * split.n))
        parts.append(_part(data, order[at:end], f"{at}-{end}"))
        at = end
    return [_part(data, np.sort(order[at:]), f"{at}-{split.n}"), *parts]


def _part(data: DataSet, rows: NDArray[np.intp], words: str) -> DataSet:
    return replace(data, calibration=data.calibration.take(rows), digest=f"{data.digest}-{words}")
