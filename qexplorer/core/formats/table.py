"""Formats whose levels are listed: a code is the place of a level, and a file looks it up with Gather."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.formats.protocol import Float32, Int32, Role, Storage
from qexplorer.core.formats.scaled import Scaled

__all__ = ["TableFormat"]


@dataclass(frozen=True, slots=True)
class TableFormat(Scaled):
    """Levels from a list, times a scale. A value half way between two levels goes to the lower one.

    Attributes:
        name: what a person types.
        values: 2 to 256 finite levels at scale 1, ascending.
        recipes: short names with their meanings; the first is the stem.
        of_activations: whether activations can be rounded to them too, by a search in the running model.
    """

    name: str
    values: tuple[float, ...]
    recipes: Mapping[str, str] = field(default_factory=dict, compare=False)
    of_activations: bool = False

    def __post_init__(self) -> None:
        levels = np.asarray(self.values, np.float32)
        if not 2 <= levels.size <= 256 or not np.isfinite(levels).all() or (np.diff(levels) <= 0).any():
            raise ValueError(f"the table '{self.name}' needs 2 to 256 finite levels that rise, not {self.values}")

    @property
    def roles(self) -> frozenset[Role]:  # type: ignore[override]
        """Weights, and activations where it is said."""
        return frozenset({"weight", "activation"}) if self.of_activations else Scaled.roles

    @property
    def bits(self) -> int:
        """Enough for the places of all levels."""
        return (len(self.values) - 1).bit_length()

    @property
    def carrier(self) -> str:
        """``uint4`` where the places fit, else ``uint8``."""
        return "uint4" if self.bits <= 4 else "uint8"

    @property
    def storage(self) -> Storage:
        """Places of levels."""
        return Storage.TABLE

    @property
    def table(self) -> LevelTable:
        """The levels, numbered from 0."""
        return _table(self.values)

    def codes(self, lowest: int, highest: int) -> Int32:
        """Every place between."""
        return np.arange(lowest, highest + 1, dtype=np.int32)

    def encode(self, x: Float32, scale: Float32, zero_point: Int32, lowest: int, highest: int) -> Int32:  # noqa: ARG002
        """The place of the nearest level, found in float32 after dividing by the scale."""
        with np.errstate(over="ignore", invalid="ignore"):
            places = self.table.nearest(np.asarray(x / scale, np.float32))
        return np.asarray(np.clip(places, lowest, highest), np.int32)

    def decode(self, codes: Int32, scale: Float32, zero_point: Int32) -> Float32:  # noqa: ARG002 - the protocol's
        """``level * scale`` in float32, as Gather and Mul compute it."""
        return np.asarray(self.table.levels[codes] * scale, np.float32)


@lru_cache(maxsize=64)
def _table(values: tuple[float, ...]) -> LevelTable:
    levels = np.asarray(values, np.float32)
    return LevelTable.of(levels, np.arange(levels.size, dtype=np.int32), np.zeros(levels.size - 1, np.bool_))
