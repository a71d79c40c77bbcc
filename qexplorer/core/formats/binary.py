"""Binary weights: one bit, plus or minus a scale.

The scale is the mean magnitude, which is the one with the least squared error (Rastegari et al. 2016, XNOR-Net,
equation 6), so that a calibrator has little to choose: none reaches further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.core.formats.protocol import Fitted, Float32, Float64
from qexplorer.core.formats.table import TableFormat

__all__ = ["BINARY", "Binary"]


@dataclass(frozen=True, slots=True)
class Binary(TableFormat):
    """Two levels and no zero."""

    def reach(self, magnitudes: Float64) -> Float64 | None:
        """Their mean."""
        return np.asarray(magnitudes.mean(axis=-1))

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        """As for every table; but values that are all zero get the smallest scale, because no level is zero."""
        fitted = TableFormat.fit(self, low, high, symmetric=symmetric)
        empty = np.maximum(-low, high) < np.finfo(np.float32).tiny
        scale: Float32 = np.where(empty, np.finfo(np.float32).tiny, fitted.scale).astype(np.float32)
        return Fitted(scale, fitted.zero_point, fitted.lowest, fitted.highest)


BINARY = Binary(
    name="binary",
    values=(-1.0, 1.0),
    recipes={"binary": "1-bit weights only: plus or minus one scale for each channel"},
)

ENTRIES = (BINARY,)
