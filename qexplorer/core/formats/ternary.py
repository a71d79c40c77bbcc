"""Ternary weights: plus a scale, zero, or minus it.

Li and Liu 2016, Ternary weight networks, section 2.2: what is larger than 0.7 times the mean magnitude is not zero, and
the scale is the mean magnitude of that, which for weights like those of trained networks is close to the least squared
error. Codes are those of the nearest level, so that weights near the threshold may take the other one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.core.formats.protocol import Float64
from qexplorer.core.formats.table import TableFormat

__all__ = ["TERNARY", "Ternary"]

_THRESHOLD = 0.7
"""Of the mean magnitude. (equation 6)"""


@dataclass(frozen=True, slots=True)
class Ternary(TableFormat):
    """Three levels, one of them zero."""

    def reach(self, magnitudes: Float64) -> Float64 | None:
        """The mean of those beyond the threshold. (equation 5)"""
        beyond = magnitudes >= _THRESHOLD * magnitudes.mean(axis=-1, keepdims=True)
        return np.asarray((magnitudes * beyond).sum(axis=-1) / beyond.sum(axis=-1))


TERNARY = Ternary(
    name="ternary",
    values=(-1.0, 0.0, 1.0),
    recipes={"ternary": "weights only: plus or minus one scale for each channel, or zero"},
)

ENTRIES = (TERNARY,)
