"""The one definition of a quantization grid and of the arithmetic on it.

A grid is a format with scales over a tensor; which level a value goes to, and which value a code is, the format says
(``core.formats``). For integers ``q = clip(round(x / scale) + zero_point, qmin, qmax)`` and
``x' = (q - zero_point) * scale``, rounding half to even, in float32, as QuantizeLinear and DequantizeLinear of ONNX
opset 21 define them. Everything else in this program (graphs, charts, backends) is tested against this file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Float32, Format, Granularity, Int32
from qexplorer.core.formats.levels import LevelRows
from qexplorer.core.formats.uniform import has_signs

__all__ = ["Float32", "Granularity", "Grid", "Int32", "dequantize", "fake_quantize", "grid_from_range", "quantize"]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A format with its scales and zero points: the points a tensor may take.

    Attributes:
        format: the format of the codes; it has a scale.
        scale: float32, > 0. Shape ``()`` per tensor, ``(C,)`` per channel along ``axis``, or the tensor's shape with
            ``axis`` divided by ``block`` and rounded up.
        zero_point: int32, same shape as ``scale``: the code of zero, 0 for formats without zero points.
        axis: the axis along which scales differ; None per tensor.
        block: values that share a scale along ``axis``; None unless per block.
        qmin: code of the smallest value used (a symmetric grid of integers leaves out the most negative one, unless its
            format's scales are of either sign).
        qmax: code of the largest value used.
        own: levels of each channel, where a format learned them channel by channel; the format's are none of them.
    """

    format: Format
    scale: Float32
    zero_point: Int32
    axis: int | None
    block: int | None
    qmin: int
    qmax: int
    own: LevelRows | None = None

    @property
    def granularity(self) -> Granularity:
        """Per tensor, channel or block."""
        if self.axis is None:
            return Granularity.TENSOR
        return Granularity.BLOCK if self.block else Granularity.CHANNEL

    @property
    def low(self) -> Float32:
        """Smallest representable value(s), in the shape of ``scale``."""
        if self.own is not None:
            return np.asarray(self.own.levels[:, 0] * self.scale, np.float32)
        return self.format.decode(np.asarray(self.qmin, np.int32), self.scale, self.zero_point)

    @property
    def high(self) -> Float32:
        """Largest representable value(s), in the shape of ``scale``."""
        if self.own is not None:
            return np.asarray(self.own.levels[:, -1] * self.scale, np.float32)
        return self.format.decode(np.asarray(self.qmax, np.int32), self.scale, self.zero_point)

    @property
    def is_asymmetric(self) -> bool:
        """Whether zero points say more than the sign of a scale."""
        return not has_signs(self.format) and bool(np.any(self.zero_point))

    def with_signs(self, codes: Int32) -> tuple[Int32, Float32]:
        """What a file has of ``codes`` where scales are of either sign: codes and scales of the same values, without
        zero points."""
        _, zero = self.expanded(codes.shape)
        signed = np.where(self.zero_point != 0, -self.scale, self.scale)
        return np.where(zero != 0, -1 - codes, codes).astype(np.int32), np.asarray(signed, np.float32)

    def levels(self) -> Float32:
        """All values of a per-tensor grid, ascending; ValueError for finer grids (take :meth:`channel` first)."""
        if self.axis is not None:
            raise ValueError("levels() needs a per-tensor grid")
        return self.format.decode(self.codes(), self.scale, self.zero_point)

    def codes(self) -> Int32:
        """The codes of all values, in the order of the values."""
        return self.format.codes(self.qmin, self.qmax)

    def channel(self, index: int) -> Grid:
        """The per-tensor grid of one channel of a per-channel grid."""
        if self.granularity is not Granularity.CHANNEL:
            raise ValueError("channel() needs a per-channel grid")
        scale, zero = self.scale[index].reshape(()), self.zero_point[index].reshape(())
        if self.own is None:
            return Grid(self.format, scale, zero, None, None, self.qmin, self.qmax)
        learned = self.format.with_levels(self.own.channel(index))
        return Grid(learned, scale, zero, None, None, *_ends(learned))

    def with_learned(self, format: Format, own: LevelRows | None = None) -> Grid:
        """The grid with levels that its format learned, for the whole tensor or for each channel."""
        first, last = _ends(format) if own is None else (0, own.levels.shape[1] - 1)
        return replace(self, format=format, own=own, qmin=first, qmax=last)

    def encode(self, x: Float32, scale: Float32, zero_point: Int32, axis: int | None) -> Int32:
        """Codes of part of a tensor.

        Args:
            x: float32, of any shape.
            scale: of each value, as it broadcasts.
            zero_point: the same.
            axis: that axis of ``x`` which is the grid's; all channels must be there where each has its own levels.
        """
        if self.own is None or axis is None:
            return self.format.encode(x, scale, zero_point, self.qmin, self.qmax)
        with np.errstate(over="ignore", invalid="ignore"):
            return self.own.nearest(np.asarray(x / scale, np.float32), axis).astype(np.int32)

    def decode(self, codes: Int32, scale: Float32, zero_point: Int32, axis: int | None) -> Float32:
        """Values of codes; arguments as those of :meth:`encode`."""
        if self.own is None or axis is None:
            return self.format.decode(codes, scale, zero_point)
        return np.asarray(self.own.values(codes, axis) * scale, np.float32)

    def packed_bytes(self, values: int) -> int:
        """Bytes of ``values`` packed codes and what is kept beside them; channels' own levels hold their scale."""
        if self.own is not None:
            return -(-values * self.format.bits // 8) + self.own.levels.nbytes
        return self.format.packed_bytes(values, self.scale.size)

    def transposed(self) -> Grid:
        """The grid of a matrix turned over, rows for columns."""
        if self.axis is None:
            return self
        scale, zero = np.ascontiguousarray(self.scale.T), np.ascontiguousarray(self.zero_point.T)
        return Grid(self.format, scale, zero, 1 - self.axis, self.block, self.qmin, self.qmax, self.own)

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


def _ends(format: Format) -> tuple[int, int]:
    """Codes of the outermost levels of a format that lists them."""
    table = format.table
    assert table is not None, "what learns lists its levels"
    return int(table.codes[0]), int(table.codes[-1])


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

    How the format's levels are laid over a range is the format's own (``Format.fit``): integers spend every code
    between the ends, or mirror the larger magnitude if ``symmetric``; listed levels reach the larger magnitude. A
    range of one point gets scale 1. Scales are rounded to float32 once, as they are stored.

    Raises:
        ValueError: if a bound is not finite, ``low > high``, the format has no scale, or it has no zero point and the
            grid is to be asymmetric.
    """
    lo, hi = np.minimum(np.asarray(low, np.float64), 0.0), np.maximum(np.asarray(high, np.float64), 0.0)
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        raise ValueError("the range of a grid must be finite")
    if (np.asarray(low) > np.asarray(high)).any():
        raise ValueError("the range of a grid must not be reversed")
    fitted = format.fit(lo, hi, symmetric=symmetric)
    return Grid(format, fitted.scale, fitted.zero_point, axis, block, fitted.lowest, fitted.highest)


def quantize(x: Float32, grid: Grid) -> Int32:
    """Codes of ``x`` (any shape) on ``grid``, as int32. NaN becomes the smallest code. (QuantizeLinear, opset 21)"""
    values = np.asarray(x, np.float32)
    return grid.encode(values, *grid.expanded(values.shape), grid.axis)


def dequantize(codes: NDArray[np.integer], grid: Grid) -> Float32:
    """Values of integer ``codes`` on ``grid``, float32. (DequantizeLinear, opset 21)"""
    return grid.decode(codes.astype(np.int32), *grid.expanded(codes.shape), grid.axis)


def fake_quantize(x: Float32, grid: Grid) -> Float32:
    """``x`` rounded to the grid: dequantize(quantize(x))."""
    return dequantize(quantize(x, grid), grid)
