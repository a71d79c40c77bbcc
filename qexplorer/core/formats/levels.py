"""Levels that are not evenly spaced, and the borders at which a value goes from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LevelTable"]


@dataclass(frozen=True, slots=True, eq=False)
class LevelTable:
    """All levels of a format at scale 1.

    Attributes:
        levels: float32 ``(n,)``, ascending, each once.
        codes: int32 ``(n,)``, the code of each.
        borders: float32 ``(n - 1,)``: the largest float32 that still goes to the lower of two neighbours, so that a
            value's level is the number of borders below it. Ties are in them, exactly.
    """

    levels: NDArray[np.float32]
    codes: NDArray[np.int32]
    borders: NDArray[np.float32]

    @classmethod
    def of(cls, levels: NDArray[np.float32], codes: NDArray[np.int32], up: NDArray[np.bool_]) -> LevelTable:
        """The table of ``levels``.

        Args:
            levels: float32 ``(n,)``, ascending.
            codes: int32 ``(n,)``.
            up: ``(n - 1,)``, whether a value half way between two neighbours goes to the upper one.
        """
        wide = levels.astype(np.float64)
        middle = (wide[:-1] + wide[1:]) / 2  # exact: two float32 have 24 bits each, and neighbours are of one size
        borders = middle.astype(np.float32)
        above = (borders > middle) | (up & (borders == middle))
        borders = np.where(above, np.nextafter(borders, np.float32(-np.inf)), borders)
        parts = (np.asarray(levels, np.float32), np.asarray(codes, np.int32), np.asarray(borders, np.float32))
        for part in parts:
            part.setflags(write=False)
        return cls(*parts)

    def nearest(self, x: NDArray[np.float32]) -> NDArray[np.intp]:
        """Index of the level nearest to each value at scale 1; NaN gets the first."""
        found = np.searchsorted(self.borders, x, side="left")
        return np.where(np.isnan(x), 0, found)
