"""What formats have in common that the grammar of short names covers: plain integers and floats."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Self

from qexplorer.core.formats.levels import LevelRows, LevelTable
from qexplorer.core.formats.protocol import Float32, Float64, Role

__all__ = ["OfTheGrammar"]


class OfTheGrammar:
    """Base of formats that ``w8a8``, ``fp16`` and their like name: none has short names or a table of its own.

    Attributes:
        roles: weights and activations.
        recipes: none.
        table: none: levels follow from the codes, or there is no grid to draw.
        learns: levels are given.
        default_block: none: channels have a scale each.
        scale_factors: none: scales are no powers of two.
        free_scale: a scale is any float32.
    """

    __slots__ = ()

    roles: ClassVar[frozenset[Role]] = frozenset({"weight", "activation"})
    recipes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    table: ClassVar[LevelTable | None] = None
    learns: ClassVar[bool] = False
    default_block: ClassVar[int | None] = None
    scale_factors: ClassVar[tuple[float, ...]] = ()
    free_scale: ClassVar[bool] = True

    def learn(self, values: Float32) -> Self:  # noqa: ARG002 - the protocol's
        """Levels are given."""
        return self

    def learn_rows(self, values: Float32) -> LevelRows | None:  # noqa: ARG002 - the protocol's
        """Levels are given."""
        return None

    def with_levels(self, levels: Float32) -> Self:  # noqa: ARG002 - the protocol's
        """Levels are given."""
        return self

    def scale_bytes(self, scales: int) -> int:
        """A float32 for each."""
        return 4 * scales

    def reach(self, magnitudes: Float64) -> Float64 | None:  # noqa: ARG002 - the protocol's
        """Calibrators choose."""
        return None
