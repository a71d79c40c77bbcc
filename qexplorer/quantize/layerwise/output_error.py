"""What a rounded weight costs at its layer's output, without running the layer: from the moments of its inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, Int32, dequantize, quantize
from qexplorer.quantize.layerwise.both_inputs import BothMoments
from qexplorer.quantize.layerwise.moments import Moments
from qexplorer.quantize.layerwise.weights import GridWeight

__all__ = ["BetterCodes", "better_codes", "row_errors"]


@dataclass(frozen=True, slots=True, eq=False)
class BetterCodes:
    """Codes of a weight of which no row has a larger error at the output than rounded to nearest.

    Attributes:
        codes: int32 in the shape of the weight.
        rows: how many rows are rounded otherwise than to nearest.
        before: the error of the outputs rounded to nearest, as a share of their size (root mean squares).
        after: the same with these codes; both are absolute where all outputs are 0.
    """

    codes: Int32
    rows: int
    before: float
    after: float

    def said(self, name: str) -> str:
        """What the algorithm called ``name`` did, as a clause for the plan."""
        if not self.rows:
            return f"{name} left its weight as it was: rounding to nearest has the smaller error at its outputs"
        error = f"the error of its outputs is {self.after:.3g} of their size"
        return f"{name}: {error}, with nearest rounding {self.before:.3g}"


def better_codes(weight: GridWeight, chosen: Int32, moments: Moments | BothMoments) -> BetterCodes:
    """For each row the codes ``chosen`` or the nearest ones, whichever have the smaller error at the output.

    Args:
        weight: the weight and its grid.
        chosen: int32 in its shape.
        moments: of what its rows are multiplied with; those of both networks count errors of earlier layers too.
    """
    matrix, nearest = weight.matrix, quantize(weight.values, weight.grid)
    before, after = (row_errors(weight, dequantize(each, weight.grid), moments) for each in (nearest, chosen))
    better = after < before
    rows = np.where(better[..., None], matrix.rows(chosen), matrix.rows(nearest))
    real = moments.real if isinstance(moments, BothMoments) else moments
    size = float(_squares(matrix.rows(weight.values.astype(np.float64)), real).sum()) or 1.0
    return BetterCodes(
        codes=np.ascontiguousarray(matrix.weight(rows), np.int32),
        rows=int(better.sum()),
        before=float(np.sqrt(before.sum() / size)),
        after=float(np.sqrt(np.where(better, after, before).sum() / size)),
    )


def row_errors(weight: GridWeight, other: Float32, moments: Moments | BothMoments) -> NDArray[np.float64]:
    """Mean squared error at each row's output with ``other`` in place of the weight, ``(groups, rows)``.

    With moments of both networks, of ``Q X_q - W X = D X_q + W (X_q - X)`` for ``D = Q - W``.
    """
    error = weight.matrix.rows(other.astype(np.float64) - weight.values)
    if not isinstance(moments, BothMoments):
        return _squares(error, moments)
    rows = weight.matrix.rows(weight.values.astype(np.float64))
    gone = moments.rounded - moments.cross  # (X_q - X) X_q^T
    fed = gone - moments.cross.swapaxes(1, 2) + moments.real  # (X_q - X) (X_q - X)^T
    squares = np.sum((error @ moments.rounded + 2 * (rows @ gone)) * error, -1) + np.sum((rows @ fed) * rows, -1)
    found: NDArray[np.float64] = np.maximum(squares, 0.0)
    return found


def _squares(rows: NDArray[np.float64], moments: Moments) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.maximum(np.sum((rows @ moments) * rows, -1), 0.0)
    return found
