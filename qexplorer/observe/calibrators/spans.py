"""Smallest and largest value of each channel or block: where every search begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32
from qexplorer.observe.histogram import from_ordered
from qexplorer.observe.rows import in_parts

__all__ = ["row_spans"]


def row_spans(rows: Float32, block: int) -> NDArray[np.float64]:
    """Ranges ``(rows, blocks, 2)`` of the values of ``rows`` ``(rows, n)``, zero always within."""
    from qexplorer.observe.grid_kernels import rows_ranges

    ordered = np.empty((len(rows), -(-rows.shape[1] // block), 2), np.int32)
    bits = rows.view(np.int32)
    bits.setflags(write=False)  # as all values are: another type would be compiled for itself
    in_parts(rows.size, len(rows), lambda part: rows_ranges(bits[part], block, ordered[part]))
    return from_ordered(ordered)
