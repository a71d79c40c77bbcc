"""Convolutions of 8-bit codes in int32, for any number of spatial axes, without a loop over pixels.

CodeTensor lie with their channels last, so that a window's values are runs of bytes. What is summed by matrix product:
windows as rows (im2col); what has one channel in a group: the kernel's positions one after the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qexplorer.run.torch_integer.products import Matrix, matrix, multiply

__all__ = ["ConvWeight", "WindowGeometry", "conv_weight", "convolve", "pad_codes", "positions", "windows"]


@dataclass(frozen=True, slots=True)
class WindowGeometry:
    """How a kernel moves over spatial axes, as ONNX's attributes say it.

    Attributes:
        kernel: values of the kernel on each axis.
        strides: step on each axis.
        dilations: distance of the kernel's values on each axis.
        pads: values before each axis, then after each.
        auto_pad: ``NOTSET``, ``VALID``, ``SAME_UPPER`` or ``SAME_LOWER``.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    auto_pad: str = "NOTSET"

    @property
    def reach(self) -> tuple[int, ...]:
        """Values that the kernel spans on each axis."""
        return tuple((k - 1) * gap + 1 for k, gap in zip(self.kernel, self.dilations, strict=True))

    def around(self, size: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Values added before and after each axis of a tensor whose spatial axes have ``size``."""
        axes = len(self.kernel)
        if self.auto_pad in ("NOTSET", ""):
            return tuple(zip(self.pads[:axes], self.pads[axes:], strict=True))
        if self.auto_pad == "VALID":
            return ((0, 0),) * axes
        found = []
        for length, wide, step in zip(size, self.reach, self.strides, strict=True):
            total = max((-(-length // step) - 1) * step + wide - length, 0)
            less, more = total // 2, total - total // 2
            found.append((less, more) if self.auto_pad == "SAME_UPPER" else (more, less))
        return tuple(found)

    def spread(self, size: Sequence[int]) -> tuple[int, ...]:
        """:meth:`around` as ONNX writes pads: before each axis, then after each."""
        around = self.around(size)
        return (*(pair[0] for pair in around), *(pair[1] for pair in around))


@dataclass(frozen=True, slots=True)
class ConvWeight:
    """A convolution's weight, laid out for :func:`convolve`.

    Attributes:
        groups: groups of channels.
        inputs: input channels.
        outputs: output channels.
        matrices: one per group, rows in the order kernel positions, channels; empty for one channel in a group.
        taps: int32, shape ``(positions, outputs)``, for one channel in a group.
        sums: int32, shape ``(outputs,)``: sum of ``w - w_zero_point``.
        zero_point: int32, shape ``(outputs,)``, or None if all are zero.
    """

    groups: int
    inputs: int
    outputs: int
    matrices: tuple[Matrix, ...]
    taps: Tensor | None
    sums: Tensor
    zero_point: Tensor | None


def conv_weight(codes: Tensor, zero_point: Tensor, groups: int) -> ConvWeight:
    """Lays out a weight.

    Args:
        codes: int8, shape ``(M, C / groups, k1, ...)``.
        zero_point: int32, a scalar or one value per output channel.
        groups: groups of channels.
    """
    outputs, inputs = codes.shape[:2]
    rows = codes.movedim(1, -1).reshape(outputs, -1)
    zeros = zero_point.to(torch.int32).reshape(-1).expand(outputs).contiguous()
    sums = (rows.to(torch.int64).sum(1) - zeros.to(torch.int64) * rows.shape[1]).to(torch.int32)
    kept = zeros if bool(zeros.any()) else None
    if inputs == 1 and groups > 1:
        return ConvWeight(groups, groups * inputs, outputs, (), rows.t().to(torch.int32).contiguous(), sums, kept)
    matrices = tuple(matrix(part) for part in rows.chunk(groups))
    return ConvWeight(groups, groups * inputs, outputs, matrices, None, sums, kept)


def pad_codes(x: Tensor, geometry: WindowGeometry, value: int) -> Tensor:
    """``x`` of shape ``(N, C, D1, ...)`` with ``value`` around its spatial axes."""
    around = geometry.around(x.shape[2:])
    flat = [amount for pair in reversed(around) for amount in pair]
    return torch.nn.functional.pad(x, flat, value=value) if any(flat) else x


def positions(kernel: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Indices of a kernel's values, the last axis fastest."""
    return itertools.product(*map(range, kernel))


def windows(x: Tensor, geometry: WindowGeometry) -> Tensor:
    """A view of a padded ``x`` (shape ``(N, C, D1, ...)``), shape ``(N, O1, ..., k1, ..., C)``."""
    reach, axes = geometry.reach, len(geometry.kernel)
    out = [(d - wide) // step + 1 for d, wide, step in zip(x.shape[2:], reach, geometry.strides, strict=True)]
    if min(out, default=1) < 1:
        raise ValueError(f"a kernel that reaches over {reach} does not fit into {tuple(x.shape[2:])}")
    along = x.stride()[2:]
    moves = [along[i] * geometry.strides[i] for i in range(axes)]
    inside = [along[i] * geometry.dilations[i] for i in range(axes)]
    size = (x.shape[0], *out, *geometry.kernel, x.shape[1])
    return x.as_strided(size, (x.stride(0), *moves, *inside, x.stride(1)), x.storage_offset())


def convolve(x: Tensor, zero_point: int, weight: ConvWeight, geometry: WindowGeometry) -> Tensor:
    """Sums of ``(x - zero_point) * (w - w_zero_point)``.

    Args:
        x: int8, shape ``(N, C, D1, ...)``; read fastest with its channels last in memory.
        zero_point: of ``x``; stands for zero, so it is what ``x`` is padded with.
        weight: from :func:`conv_weight`.
        geometry: how the kernel moves.

    Returns:
        int32, shape ``(N, M, O1, ...)``, channels last in memory.
    """
    axes = len(geometry.kernel)
    last = x.movedim(1, -1).contiguous().movedim(-1, 1)
    padded = pad_codes(last, geometry, zero_point)
    seen = windows(padded if weight.taps is None else padded.to(torch.int32), geometry)
    out = seen.shape[: 1 + axes]
    if x.shape[1] != weight.inputs:
        raise ValueError(f"it has {x.shape[1]} channels where the weight has {weight.inputs}")
    total = _by_taps(seen, weight) if weight.taps is not None else _by_product(seen, weight, axes)
    total -= weight.sums * zero_point
    if weight.zero_point is not None:
        total -= _window_sums(seen, weight, axes) * weight.zero_point
    return total.reshape(*out, weight.outputs).movedim(-1, 1)


def _by_product(seen: Tensor, weight: ConvWeight, axes: int) -> Tensor:
    """int32, shape ``(pixels, M)``."""
    pixels = math.prod(seen.shape[: 1 + axes])
    if weight.groups == 1:
        return multiply(seen.reshape(pixels, -1), weight.matrices[0])
    apart = _in_groups(seen, weight.groups).movedim(-2, 0).reshape(weight.groups, pixels, -1)
    return torch.cat([multiply(rows, each) for rows, each in zip(apart, weight.matrices, strict=True)], dim=1)


def _by_taps(seen: Tensor, weight: ConvWeight) -> Tensor:
    """int32, shape ``(pixels, M)``, for groups of one channel; ``seen`` is int32."""
    assert weight.taps is not None
    axes = (seen.ndim - 2) // 2
    repeats = weight.outputs // weight.groups
    total: Tensor | None = None
    for position, values in zip(positions(seen.shape[1 + axes : -1]), weight.taps, strict=True):
        part = seen[(slice(None),) * (1 + axes) + position]
        part = part.repeat_interleave(repeats, -1) if repeats > 1 else part
        total = part * values if total is None else total.addcmul_(part, values)
    assert total is not None
    return total.reshape(-1, weight.outputs)


def _window_sums(seen: Tensor, weight: ConvWeight, axes: int) -> Tensor:
    """Sum of the codes that each output channel sees, int32, shape ``(pixels, M)``."""
    pixels = math.prod(seen.shape[: 1 + axes])
    apart = _in_groups(seen, weight.groups).movedim(-2, 1 + axes).reshape(pixels, weight.groups, -1)
    return apart.sum(-1, dtype=torch.int32).repeat_interleave(weight.outputs // weight.groups, 1)


def _in_groups(seen: Tensor, groups: int) -> Tensor:
    """A view with the channels of each group along an axis of their own, the last one."""
    inner = seen.shape[-1] // groups
    size, step = (*seen.shape[:-1], groups, inner), seen.stride()
    return seen.as_strided(size, (*step[:-1], step[-1] * inner, step[-1]), seen.storage_offset())
