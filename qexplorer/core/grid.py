"""The one definition of a quantization grid and of the arithmetic on it.

``q = clip(round(x / scale) + zero_point, qmin, qmax)`` and ``x' = (q - zero_point) * scale``, rounding half to even,
in float32, as QuantizeLinear and DequantizeLinear of ONNX opset 21 define them. Everything else in this program
(graphs, charts, backends) is tested against this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Format

__all__ = ["Float32", "Granularity", "Grid", "Int32", "dequantize", "fake_quantize", "grid_from_range", "quantize"]

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


class Granularity(StrEnum):
    """How many values share one scale."""

    TENSOR = "tensor"
    CHANNEL = "channel"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A format with its scales and zero points: the points a tensor may take.

    Attributes:
        format: the integer format of the codes.
        scale: float32, > 0. Shape ``()`` per tensor, ``(C,)`` per channel along ``axis``, or the tensor's shape with
            ``axis`` divided by ``block`` and rounded up.
        zero_point: int32, same shape as ``scale``, a code of the format.
        axis: the axis along which scales differ; None per tensor.
        block: values that share a scale along ``axis``; None unless per block.
        qmin: smallest code used (a symmetric signed grid leaves out the most negative one).
        qmax: largest code used.
    """

    format: Format
    scale: Float32
    zero_point: Int32
    axis: int | None
    block: int | None
    qmin: int
    qmax: int

    @property
    def granularity(self) -> Granularity:
        """Per tensor, channel or block."""
        if self.axis is None:
            return Granularity.TENSOR
        return Granularity.BLOCK if self.block else Granularity.CHANNEL

    @property
    def low(self) -> Float32:
        """Smallest representable value(s), in the shape of ``scale``."""
        return np.asarray((self.qmin - self.zero_point).astype(np.float32) * self.scale, np.float32)

    @property
    def high(self) -> Float32:
        """Largest representable value(s), in the shape of ``scale``."""
        return np.asarray((self.qmax - self.zero_point).astype(np.float32) * self.scale, np.float32)

    def levels(self) -> Float32:
        """All values of a per-tensor grid, ascending; ValueError for finer grids (take :meth:`channel` first)."""
        if self.axis is not None:
            raise ValueError("levels() needs a per-tensor grid")
        codes = np.arange(self.qmin, self.qmax + 1, dtype=np.int32)
        return np.asarray((codes - self.zero_point).astype(np.float32) * self.scale, np.float32)

    def channel(self, index: int) -> Grid:
        """The per-tensor grid of one channel of a per-channel grid."""
        if self.granularity is not Granularity.CHANNEL:
            raise ValueError("channel() needs a per-channel grid")
        scale, zero = self.scale[index].reshape(()), self.zero_point[index].reshape(())
        return Grid(self.format, scale, zero, None, None, self.qmin, self.qmax)

    def transposed(self) -> Grid:
        """The grid of a matrix turned over, rows for columns."""
        if self.axis is None:
            return self
        scale, zero = np.ascontiguousarray(self.scale.T), np.ascontiguousarray(self.zero_point.T)
        return Grid(self.format, scale, zero, 1 - self.axis, self.block, self.qmin, self.qmax)

    def expanded(self, shape: tuple[int, ...]) -> tuple[Float32, Int32]:
        """Scale and zero point broadcastable against a tensor of ``shape``."""
        if self.axis is None:
            return self.scale, self.zero_point
        if self.block is None:
            view = [1] * len(shape)
            view[self.axis] = shape[self.axis]
            return self.scale.reshape(view), self.zero_point.reshape(view)
        take = np.arange(shape[self.axis]) // self.block
        return np.take(self.scale, take, self.axis), np.take(self.zero_point, take, self.axis)


def grid_from_range(
    low: float | NDArray[np.floating],
    high: float | NDArray[np.floating],
    format: Format,
    *,
    symmetric: bool,
    axis: int | None = None,
    block: int | None = None,
) -> Grid:
    """The grid that covers the range(s) ``[low, high]``, always with zero on it.

    Symmetric grids put the zero point at 0 (signed) or in the middle (unsigned) and cover ``max(|low|, |high|)`` on
    both sides; asymmetric grids spend every code between ``min(low, 0)`` and ``max(high, 0)``. A range of one point
    gets scale 1. Source: Jacob et al. 2018, section 2.1; the scale is rounded to float32 once, as it is stored.

    Raises:
        ValueError: if a bound is not finite, ``low > high``, or the format is not an integer format.
    """
    if not format.is_integer:
        raise ValueError(f"{format.name} has no scale and zero point")
    lo, hi = np.minimum(np.asarray(low, np.float64), 0.0), np.maximum(np.asarray(high, np.float64), 0.0)
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        raise ValueError("the range of a grid must be finite")
    if (np.asarray(low) > np.asarray(high)).any():
        raise ValueError("the range of a grid must not be reversed")
    if symmetric:
        qmin, qmax = format.symmetric_range
        middle = 0 if format.signed else (qmax + 1) // 2
        steps = qmax - middle
        scale = _usable(np.maximum(-lo, hi) / steps)
        zero = np.full(scale.shape, middle, np.int32)
    else:
        qmin, qmax = format.qmin, format.qmax
        scale = _usable((hi - lo) / (qmax - qmin))
        zero = np.clip(np.rint(qmin - lo / scale.astype(np.float64)), qmin, qmax).astype(np.int32)
    return Grid(format, scale, np.asarray(zero, np.int32), axis, block, qmin, qmax)


def _usable(scale: NDArray[np.float64]) -> Float32:
    """Scales as float32; an empty or subnormal range becomes 1 so that division stays defined."""
    small = np.finfo(np.float32).tiny
    return np.asarray(np.where(scale < small, 1.0, scale), np.float32)


def quantize(x: Float32, grid: Grid) -> Int32:
    """Codes of ``x`` (any shape) on ``grid``, as int32. NaN becomes the smallest code. (QuantizeLinear, opset 21)"""
    values = np.asarray(x, np.float32)
    scale, zero = grid.expanded(values.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint(values / scale).astype(np.float64) + zero
    codes = np.clip(np.nan_to_num(steps, nan=grid.qmin, posinf=grid.qmax, neginf=grid.qmin), grid.qmin, grid.qmax)
    return np.asarray(codes, np.int32)


def dequantize(codes: NDArray[np.integer], grid: Grid) -> Float32:
    """Values of integer ``codes`` on ``grid``, float32. (DequantizeLinear, opset 21)"""
    scale, zero = grid.expanded(codes.shape)
    return np.asarray((codes.astype(np.int32) - zero).astype(np.float32) * scale, np.float32)


def fake_quantize(x: Float32, grid: Grid) -> Float32:
    """``x`` rounded to the grid: dequantize(quantize(x))."""
    return dequantize(quantize(x, grid), grid)
