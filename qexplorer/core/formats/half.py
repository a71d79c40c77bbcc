"""Floats without a scale: a tensor is cast to the type as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from qexplorer.core.formats.grammar import OfTheGrammar
from qexplorer.core.formats.protocol import Fitted, Float32, Float64, Granularity, Int32, Storage

__all__ = ["FloatFormat"]


@dataclass(frozen=True, slots=True)
class FloatFormat(OfTheGrammar):
    """A float type of ONNX that weights and activations are cast to alike; the recipe sees to it that a layer has both.

    Attributes:
        name: what a person types, such as ``fp16``.
        bits: 16 or 32.
        carrier: its ONNX tensor type.
    """

    name: str
    bits: int
    carrier: str

    signed: ClassVar[bool] = True
    has_scale: ClassVar[bool] = False
    has_zero_point: ClassVar[bool] = False
    is_uniform: ClassVar[bool] = False  # steps grow with the value
    granularities: ClassVar[tuple[Granularity, ...]] = ()
    storage: ClassVar[Storage] = Storage.CAST

    def levels(self) -> Float32 | None:
        """All finite values, each once; None for 32 bits."""
        if self.bits > 16:
            return None
        values = np.arange(2**self.bits, dtype=np.uint16).view(self._dtype).astype(np.float32)
        return np.unique(values[np.isfinite(values)])

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:  # noqa: ARG002 - the protocol's
        """Raises ValueError: there is no scale."""
        raise ValueError(f"{self.name} has no scale, so there is no grid over a range")

    def codes(self, lowest: int, highest: int) -> Int32:
        """Raises ValueError: there is no grid."""
        raise ValueError(f"{self.name} has no scale, so there is no grid from code {lowest} to {highest}")

    def encode(self, x: Float32, scale: Float32, zero_point: Int32, lowest: int, highest: int) -> Int32:  # noqa: ARG002
        """The bits of ``x`` rounded half to even; numbers beyond the largest become infinite, as Cast makes them."""
        with np.errstate(over="ignore"):
            narrow = np.asarray(x, np.float32).astype(self._dtype)
        return narrow.view(np.uint16 if self.bits == 16 else np.uint32).astype(np.int64).astype(np.int32)

    def decode(self, codes: Int32, scale: Float32, zero_point: Int32) -> Float32:  # noqa: ARG002 - the protocol's
        """The value of each pattern of bits."""
        words = codes.astype(np.int64).astype(np.uint16 if self.bits == 16 else np.uint32)
        return words.view(self._dtype).astype(np.float32)

    def packed_bytes(self, values: int, scales: int) -> int:  # noqa: ARG002 - there are no scales
        """Values alone."""
        return values * self.bits // 8

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(getattr(ml_dtypes, self.carrier, self.carrier))


ENTRIES = (FloatFormat("fp16", 16, "float16"), FloatFormat("bf16", 16, "bfloat16"), FloatFormat("fp32", 32, "float32"))
