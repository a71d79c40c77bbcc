"""Integers with a scale and a zero point: ``q = clip(round(x / scale) + zero_point)``, ``x' = (q - zero_point) scale``.

They exist at every width from 2 to 16 bits, signed and unsigned. ONNX (opset 21) has tensor types for 4,
8 and 16 bits; the other widths are carried by the next wider type, clipped to their own range, and counted at their own
packed size. One bit is ``binary``: an integer of one bit has a level on one side of zero alone.

A symmetric grid leaves out the most negative code, so that -x and x both exist. With few bits that is dear: 15 of 16
levels at 4 bits. Where codes are decoded before anything is computed, the scale may have either sign instead: the
value ``v`` of largest magnitude is put on the most negative code, ``s = -v / 2**(b - 1)``, and every code is used
(ggml's q4_0; ONNX Runtime's and NNCF's symmetric int4). How much that gains is in ``docs/formats/int4.md``. Here such a
scale stays positive, and its sign is a zero point: 0, or -1 where a file has a negative scale, because
``(q + 1) s = (-1 - q) (-s)`` (``Grid.with_signs``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from qexplorer.core.formats.grammar import OfTheGrammar
from qexplorer.core.formats.protocol import (
    Fitted,
    Float32,
    Float64,
    Format,
    Granularity,
    Int32,
    Storage,
    usable_scale,
)

__all__ = ["UniformFormat", "as_uniform", "has_signs", "symmetric_ends"]

_WIDEST = 32
_MANY = 8
"""Bits from which on one level more is not worth a negative scale: at most 0.1 dB."""
_WIDTHS = (8, 4, 16, 2, 3, 5, 6, 7, *range(9, 16))
"""In the order of lists: what a reader looks for first."""


@dataclass(frozen=True, slots=True)
class UniformFormat(OfTheGrammar):
    """Integer codes of one width.

    Attributes:
        name: what a person types, such as ``int8``.
        bits: 2 to 32.
        signed: whether codes can be negative.
        carrier: the ONNX tensor type that stores a code.
        either_sign: whether symmetric grids use every code, with a scale of either sign (see the module's text).
    """

    name: str
    bits: int
    signed: bool
    carrier: str
    either_sign: bool = False

    storage: ClassVar[Storage] = Storage.INTEGER
    granularities: ClassVar[tuple[Granularity, ...]] = tuple(Granularity)
    has_scale: ClassVar[bool] = True
    has_zero_point: ClassVar[bool] = True
    is_uniform: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= _WIDEST:
            raise ValueError(
                f"a format of evenly spaced codes has 2 to {_WIDEST} bits, not {self.bits}: with fewer there is no step"
                " on one side of zero"
            )

    @classmethod
    def of(cls, bits: int, *, signed: bool) -> UniformFormat:
        """``int<bits>`` or ``uint<bits>``, carried by the narrowest type that holds it; ValueError beyond 16 bits."""
        if bits > 16:
            raise ValueError(f"codes of weights and activations have 2 to 16 bits, not {bits}")
        sign = "" if signed else "u"
        return cls(f"{sign}int{bits}", bits, signed, f"{sign}int{4 if bits == 4 else 8 if bits <= 8 else 16}")

    @property
    def qmin(self) -> int:
        """Smallest code."""
        return -(2 ** (self.bits - 1)) if self.signed else 0

    @property
    def qmax(self) -> int:
        """Largest code."""
        return int(2 ** (self.bits - 1) - 1) if self.signed else 2**self.bits - 1

    @property
    def clipped(self) -> bool:
        """Whether the carrier can hold codes that the format cannot, so that they must be clipped."""
        return self.carrier != self.name

    @property
    def symmetric_range(self) -> tuple[int, int]:
        """Codes a symmetric grid uses: signed formats drop the most negative one, unless scales have either sign."""
        return (-self.qmax, self.qmax) if self.signed and not self.either_sign else (self.qmin, self.qmax)

    def of_either_sign(self) -> UniformFormat:
        """The format with scales of either sign; itself where a level more is nothing: unsigned, or 8 bits and more."""
        return replace(self, either_sign=True) if self.signed and self.bits < _MANY else self

    @property
    def lower_share(self) -> float:
        """How far below zero a symmetric grid reaches where it reaches 1 above."""
        lowest, highest = self.symmetric_range
        return (self._middle - lowest) / (highest - self._middle) if self.either_sign else 1.0

    def levels(self) -> Float32 | None:
        """The codes as values; None beyond 16 bits."""
        return None if self.bits > 16 else self.codes(self.qmin, self.qmax).astype(np.float32)

    def steps(self, *, symmetric: bool) -> int:
        """Steps from one end of a grid to the other."""
        if not symmetric:
            return self.qmax - self.qmin
        if self.either_sign:
            return self.qmax - self.qmin
        lowest, highest = self.symmetric_range
        return 2 * (highest - self._middle) if highest > lowest else 1

    @property
    def _middle(self) -> int:
        return 0 if self.signed else (self.qmax + 1) // 2

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        """Symmetric grids put the zero point at 0 (signed) or in the middle (unsigned) and cover ``max(|low|, |high|)``
        on both sides; asymmetric grids spend every code between ``low`` and ``high``. (Jacob et al. 2018, section 2.1)
        With a scale of either sign the larger magnitude is the most negative code.
        """
        if symmetric and self.either_sign:
            scale = usable_scale(np.maximum(-low, high) / -self.qmin)
            negative = np.broadcast_to(high > -low, scale.shape)
            return Fitted(scale, np.where(negative, -1, 0).astype(np.int32), self.qmin, self.qmax)
        if symmetric:
            qmin, qmax = self.symmetric_range
            scale = usable_scale(np.maximum(-low, high) / (qmax - self._middle))
            return Fitted(scale, np.full(scale.shape, self._middle, np.int32), qmin, qmax)
        qmin, qmax = self.qmin, self.qmax
        scale = usable_scale((high - low) / (qmax - qmin))
        zero = np.clip(np.rint(qmin - low / scale.astype(np.float64)), qmin, qmax).astype(np.int32)
        return Fitted(scale, np.asarray(zero, np.int32), qmin, qmax)

    def codes(self, lowest: int, highest: int) -> Int32:
        """Every integer between, ``lowest`` and ``highest`` included."""
        return np.arange(lowest, highest + 1, dtype=np.int32)

    def encode(self, x: Float32, scale: Float32, zero_point: Int32, lowest: int, highest: int) -> Int32:
        """Rounded half to even, in float32. (QuantizeLinear, opset 21)"""
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.rint(x / scale).astype(np.float64) + zero_point
        codes = np.clip(np.nan_to_num(steps, nan=lowest, posinf=highest, neginf=lowest), lowest, highest)
        return np.asarray(codes, np.int32)

    def decode(self, codes: Int32, scale: Float32, zero_point: Int32) -> Float32:
        """``(q - zero_point) * scale``. (DequantizeLinear, opset 21)"""
        return np.asarray((codes - zero_point).astype(np.float32) * scale, np.float32)

    def packed_bytes(self, values: int, scales: int) -> int:
        """Codes, a float32 for each scale, and zero points as wide as codes, unless the sign of a scale says them."""
        zeros = 0 if self.either_sign else -(-scales * self.bits // 8)
        return -(-values * self.bits // 8) + self.scale_bytes(scales) + zeros


def has_signs(format: Format) -> bool:
    """Whether scales of ``format`` are of either sign in a symmetric grid."""
    return isinstance(format, UniformFormat) and format.either_sign


def symmetric_ends(format: Format, low: float, high: float, *, upwards: bool | None = None) -> tuple[float, float]:
    """The ends of a symmetric grid that holds ``low`` and ``high``, laid over which again it is the same grid.

    They are as far from zero, but where scales are of either sign: there the end of the most negative code is a step
    farther. That end is above zero if ``upwards``; if None, where the larger magnitude is.
    """
    reach = max(-low, high)
    if not (isinstance(format, UniformFormat) and format.either_sign):
        return -reach, reach
    near = reach * format.qmax / -format.qmin
    return (-near, reach) if (high > -low if upwards is None else upwards) else (-reach, near)


def as_uniform(format: Format, who: str) -> UniformFormat:
    """``format`` as one whose levels are evenly spaced; raises ValueError, naming ``who`` needs them, for others."""
    if not isinstance(format, UniformFormat):
        raise ValueError(f"{who} needs evenly spaced levels, and those of {format.name} are not")
    return format


ENTRIES = tuple(UniformFormat.of(bits, signed=signed) for bits in _WIDTHS for signed in (True, False))
