"""What formats with listed levels and a scale have in common: ``x' = level * scale``, no zero point.

The scale puts the outermost level on the largest magnitude (absmax), so that nothing is clipped unless a calibrator
asks for less. Their layers compute in float on decoded weights; no integer kernel knows them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np

from qexplorer.core.formats.levels import LevelRows, LevelTable
from qexplorer.core.formats.protocol import Fitted, Float32, Float64, Granularity, Role, usable_scale

__all__ = ["Scaled"]


class Scaled(ABC):
    """Base of formats whose levels stand in a table; a subclass gives ``name``, ``bits`` and ``table``."""

    __slots__ = ()

    name: str

    roles: ClassVar[frozenset[Role]] = frozenset({"weight"})
    granularities: ClassVar[tuple[Granularity, ...]] = tuple(Granularity)
    has_scale: ClassVar[bool] = True
    has_zero_point: ClassVar[bool] = False  # levels are where they are
    is_uniform: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    default_block: ClassVar[int | None] = None
    scale_factors: ClassVar[tuple[float, ...]] = ()
    free_scale: ClassVar[bool] = True

    @property
    @abstractmethod
    def bits(self) -> int:
        """Bits of one packed code."""

    @property
    @abstractmethod
    def table(self) -> LevelTable:
        """All levels at scale 1."""

    @property
    def signed(self) -> bool:
        """Whether there are negative levels."""
        return bool(self.table.levels[0] < 0)

    def levels(self) -> Float32 | None:
        """Those of the table."""
        return self.table.levels

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        """The scale with which no level has to reach further than ``[low, high]``, on either side that has levels.

        Raises:
            ValueError: if the grid is to be asymmetric.
        """
        if not symmetric:
            raise ValueError(f"{self.name} has no zero point, so its grid cannot be asymmetric")
        table = self.table
        first, last = float(table.levels[0]), float(table.levels[-1])
        scale = np.zeros(np.broadcast(low, high).shape)
        if first < 0:
            scale = np.maximum(scale, low / first)
        if last > 0:
            scale = np.maximum(scale, high / last)
        usable = usable_scale(scale)
        return Fitted(usable, np.zeros(usable.shape, np.int32), int(table.codes[0]), int(table.codes[-1]))

    def learn(self, values: Float32) -> Self:  # noqa: ARG002 - the protocol's
        """Levels are given."""
        return self

    def learn_rows(self, values: Float32) -> LevelRows | None:  # noqa: ARG002 - the protocol's
        """Levels are given."""
        return None

    def with_levels(self, levels: Float32) -> Self:  # noqa: ARG002 - the protocol's
        """Levels are given."""
        return self

    def reach(self, magnitudes: Float64) -> Float64 | None:  # noqa: ARG002 - the protocol's
        """Calibrators choose."""
        return None

    def packed_bytes(self, values: int, scales: int) -> int:
        """Codes and scales."""
        return -(-values * self.bits // 8) + self.scale_bytes(scales)

    def scale_bytes(self, scales: int) -> int:
        """A float32 for each."""
        return 4 * scales
