"""Small floats whose blocks share a scale of 8 bits: a power of two (MX), or a small float itself (NVFP4).

A file carries each scale as a float32, since ONNX (opset 21) has no type of an exponent alone; sizes count 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qexplorer.core.formats.floats.small_float import SmallFloat
from qexplorer.core.formats.protocol import Fitted, Float32, Float64, usable_scale

__all__ = ["ExponentScaled", "FloatScaled"]

_SMALLEST, _LARGEST = -126, 127
"""Exponents of E8M0 for which float32 has a normal number; the specification goes one further down."""


@dataclass(frozen=True, slots=True)
class ExponentScaled(SmallFloat):
    """Scales are powers of two (E8M0), one for each block of 32.

    The exponent is that of the largest magnitude less that of the largest level, rounded down, so that the largest
    values may saturate. (OCP Microscaling Formats (MX) Specification 1.0, sections 5.2 and 6.3)
    """

    default_block: ClassVar[int | None] = 32
    scale_factors: ClassVar[tuple[float, ...]] = (2.0, 1.0, 0.5, 0.25, 0.125)
    free_scale: ClassVar[bool] = False

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        """The power of two for the larger magnitude of each range; 1 for a range of one point."""
        plain = SmallFloat.fit(self, low, high, symmetric=symmetric)
        reach = np.asarray(np.maximum(-low, high), np.float64)
        exponent = np.frexp(reach)[1] - np.frexp(float(self.table.levels[-1]))[1]
        scale = np.where(reach > 0, np.exp2(np.clip(exponent, _SMALLEST, _LARGEST)), 1.0)
        return Fitted(np.asarray(scale, np.float32), plain.zero_point, plain.lowest, plain.highest)

    def scale_bytes(self, scales: int) -> int:
        """One byte each."""
        return scales


@dataclass(frozen=True, slots=True)
class FloatScaled(SmallFloat):
    """Scales are small floats themselves, one for each block of 16, times one float32 of the tensor.

    The tensor's scale puts the largest scale of a block on the end of its type. A block's scale is rounded to the
    nearest, so that its largest value may saturate, and never to zero.

    Attributes:
        scales: the type of the blocks' scales.
    """

    scales: SmallFloat | None = None

    default_block: ClassVar[int | None] = 16
    free_scale: ClassVar[bool] = False

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        """Absmax over each block, in steps that the type of scales has."""
        assert self.scales is not None, "the type of the blocks' scales"
        plain = SmallFloat.fit(self, low, high, symmetric=symmetric)
        wanted = np.where(np.maximum(-low, high) > 0, plain.scale, 0).astype(np.float32)
        levels = self.scales.table.levels
        whole: Float32 = usable_scale(np.asarray(wanted.max(initial=0.0), np.float64) / float(levels[-1]))
        smallest = levels[levels > 0][0]
        found = levels[self.scales.table.nearest(np.asarray(wanted / whole, np.float32))]
        scale = np.asarray(np.maximum(found, smallest) * whole, np.float32)
        scale = np.where(wanted > 0, usable_scale(scale.astype(np.float64)), np.float32(1))
        return Fitted(np.asarray(scale, np.float32), plain.zero_point, plain.lowest, plain.highest)

    def scale_bytes(self, scales: int) -> int:
        """One byte each, and a float32."""
        return scales + 4
