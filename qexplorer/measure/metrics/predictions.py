"""From a model's answers to what it says of each sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array

__all__ = ["Labels", "predictions"]

Labels = NDArray[np.int64]


def predictions(outputs: Sequence[Array], n: int, *, threshold: float | None = 0.0) -> Labels | None:
    """The class that the first output names for each of ``n`` samples, or None if it does not name one.

    1. integers, one per sample: they are the classes;
    2. floats, at least two per sample (further axes of length 1 allowed): the place of the largest;
    3. one float per sample: whether it is above ``threshold``;
    4. anything else (boxes, sequences, images, a scalar for a whole batch): None;
    5. any output at all, with ``threshold`` None, which says that the task asks for no class: None.
    """
    if threshold is None:
        return None
    first = np.asarray(outputs[0])
    if first.ndim == 0 or first.shape[0] != n:
        return None
    if any(length != 1 for length in first.shape[2:]):
        return None
    rows = first.reshape(n, -1)
    if rows.shape[1] == 1:
        if first.dtype.kind in "iub":
            return np.asarray(rows[:, 0], np.int64)
        return np.asarray(rows[:, 0].astype(np.float64) > threshold, np.int64)
    if rows.shape[1] == 0 or first.dtype.kind not in "fiu":
        return None
    return np.asarray(np.argmax(rows, axis=1), np.int64)
