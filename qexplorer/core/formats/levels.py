"""Levels that are not evenly spaced, and the borders at which a value goes from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LevelRows", "LevelTable"]

Floats = NDArray[np.float32]


def _borders(levels: Floats, up: NDArray[np.bool_]) -> Floats:
    """The largest float32 that still goes to the lower of two neighbours along the last axis."""
    wide = levels.astype(np.float64)
    middle = (wide[..., :-1] + wide[..., 1:]) / 2  # exact: float32 has 24 bits, and neighbours are of one size
    borders = middle.astype(np.float32)
    above = (borders > middle) | (up & (borders == middle))
    return np.where(above, np.nextafter(borders, np.float32(-np.inf)), borders)


@dataclass(frozen=True, slots=True, eq=False)
class LevelTable:
    """All levels of a format at scale 1.

    Attributes:
        levels: float32 ``(n,)``, ascending, each once.
        codes: int32 ``(n,)``, the code of each.
        borders: float32 ``(n - 1,)``: the largest float32 that still goes to the lower of two neighbours, so that a
            value's level is the number of borders below it. Ties are in them, exactly.
    """

    levels: Floats
    codes: NDArray[np.int32]
    borders: Floats

    @classmethod
    def of(cls, levels: Floats, codes: NDArray[np.int32], up: NDArray[np.bool_]) -> LevelTable:
        """The table of ``levels``.

        Args:
            levels: float32 ``(n,)``, ascending.
            codes: int32 ``(n,)``.
            up: ``(n - 1,)``, whether a value half way between two neighbours goes to the upper one.
        """
        parts = (np.asarray(levels, np.float32), np.asarray(codes, np.int32), np.asarray(_borders(levels, up)))
        for part in parts:
            part.setflags(write=False)
        return cls(*parts)

    def nearest(self, x: Floats) -> NDArray[np.intp]:
        """Index of the level nearest to each value at scale 1; NaN gets the first."""
        found = np.searchsorted(self.borders, x, side="left")
        return np.where(np.isnan(x), 0, found)

    def places(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Where values stand among the levels: 2.0 at the third one, 2.5 half way to the fourth, beyond the ends by the
        last distance; NaN stays NaN."""
        levels, wide = self.levels.astype(np.float64), np.asarray(x, np.float64)
        inside = np.interp(wide, levels, np.arange(len(levels)))
        above = np.maximum(wide - levels[-1], 0.0) / (levels[-1] - levels[-2])
        below = np.maximum(levels[0] - wide, 0.0) / (levels[1] - levels[0])
        return np.where(np.isnan(wide), np.nan, inside + above - below)


@dataclass(frozen=True, slots=True, eq=False)
class LevelRows:
    """Levels of each channel of a tensor, at scale 1; a value half way between two goes to the lower one.

    Attributes:
        levels: float32 ``(C, k)``, ascending; where a channel has fewer the last one is repeated.
        borders: float32 ``(C, k - 1)``, as those of a :class:`LevelTable`; no finite value is above one between equals.
    """

    levels: Floats
    borders: Floats

    @classmethod
    def of(cls, rows: Sequence[Floats]) -> LevelRows:
        """From each channel's levels ``(n,)``, ascending, each once and at least one."""
        width = max(map(len, rows))
        return cls.padded(np.stack([np.pad(row, (0, width - len(row)), mode="edge") for row in rows]))

    @classmethod
    def padded(cls, levels: Floats) -> LevelRows:
        """From ``(C, k)`` with the last level of a channel repeated."""
        levels = np.ascontiguousarray(levels, np.float32)
        borders = _borders(levels, np.zeros((len(levels), levels.shape[1] - 1), np.bool_))
        borders = np.where(levels[:, 1:] == levels[:, :-1], np.finfo(np.float32).max, borders)
        for part in (levels, borders):
            part.setflags(write=False)
        return cls(levels, borders)

    def __len__(self) -> int:
        return len(self.levels)

    def channel(self, index: int) -> Floats:
        """The levels of one channel, each once."""
        return np.unique(self.levels[index])

    def nearest(self, x: Floats, axis: int) -> NDArray[np.intp]:
        """Index of the level nearest to each value at scale 1, channels along ``axis``; NaN gets the first."""
        view = [1] * x.ndim
        view[axis] = len(self)
        found = np.zeros(x.shape, np.intp)
        for border in self.borders.T:
            found += x > border.reshape(view)
        return found

    def values(self, places: NDArray[np.integer], axis: int) -> Floats:
        """The level at each place, channels along ``axis``."""
        view = [1] * places.ndim
        view[axis] = len(self)
        found: Floats = self.levels[np.arange(len(self)).reshape(view), places]
        return found
