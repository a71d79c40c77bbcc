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

__all__ = ["LEAST", "calibration_parts"]

LEAST = 8
"""Samples of a part, at least."""


def calibration_parts(data: DataSet, shares: Sequence[float], names: Sequence[str]) -> list[DataSet]:
    """The calibration part in as many parts as there are names, classes in proportion; the first gets what is left.

    Every beginning of a part is spread over the classes as well, so that a part of a part is like the whole.

    Args:
        data: fitted to a model; its evaluation part stays as it is.
        shares: of all parts but the first.
        names: put behind the digest, so that what is kept of one part is not taken for another's.

    Raises:
        DataError: there are too few samples.
    """
    split = data.calibration
    if split.n < LEAST * len(names):
        what = f"a search needs at least {LEAST * len(names)} calibration samples, and there are {split.n}"
        raise DataError(what, where=data.name, do="give more samples")
    strata = None if split.labels is None else task_of(data).strata(split.labels)
    order, rows = spread_order(split.n, strata), list[NDArray[np.int64]]()
    for share in shares:
        count = max(LEAST, round(share * split.n))
        rows.append(order[:count])
        order = order[count:]
    return [
        replace(data, calibration=split.take(each), digest=f"{data.digest}-{name}")
        for each, name in zip((np.sort(order), *rows), names, strict=True)
    ]
