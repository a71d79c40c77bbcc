"""Pooling of 8-bit codes: the largest code, or a sum in int32 that is rescaled once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor

from qexplorer.run.torch_integer.convolve import WindowGeometry, pad_codes, positions, windows

__all__ = ["average_sums", "largest", "mean_sums", "stretched"]


def largest(x: Tensor, geometry: WindowGeometry) -> Tensor:
    """The largest code of each window. Shape ``(N, C, D1, ...)`` to ``(N, C, O1, ...)``; padding never wins."""
    lowest = 0 if x.dtype == torch.uint8 else -128
    return _over_taps(x, geometry, lowest, lambda part: part, torch.maximum)


def average_sums(
    x: Tensor, geometry: WindowGeometry, zero_point: int, counted: WindowGeometry | None
) -> tuple[Tensor, Tensor]:
    """Sum of ``x - zero_point`` in each window (int32), and how many values it is divided by (float32, broadcasts).

    ``counted`` has the padding that counts as values, None if none does; what ``geometry`` adds beyond never counts.
    """
    total = _over_taps(x, geometry, zero_point, lambda part: part.to(torch.int32), torch.add)
    total -= math.prod(geometry.kernel) * zero_point
    ones = torch.ones((1, 1, *x.shape[2:]), dtype=torch.uint8, device=x.device)
    if counted is not None:
        ones = pad_codes(ones, counted, 1)
        pads = tuple(a - b for a, b in zip(geometry.spread(x.shape[2:]), counted.spread(x.shape[2:]), strict=True))
        geometry = dataclasses.replace(geometry, pads=pads, auto_pad="NOTSET")
    counts = _over_taps(ones, geometry, 0, lambda part: part.to(torch.int32), torch.add)
    return total, counts.to(torch.float32)


def mean_sums(x: Tensor, axes: tuple[int, ...], zero_point: int, keepdims: bool) -> tuple[Tensor, Tensor]:
    """Sum of ``x - zero_point`` over ``axes`` (int32), and how many values were summed (float32 scalar)."""
    count = math.prod(x.shape[axis] for axis in axes)
    total = x.sum(axes, keepdim=keepdims, dtype=torch.int32) - count * zero_point
    return total, torch.tensor(float(count), device=x.device)


def stretched(geometry: WindowGeometry, size: tuple[int, ...]) -> WindowGeometry:
    """The geometry with padding at the end of each axis that ``ceil_mode`` adds (windows that start inside only)."""
    if geometry.auto_pad not in ("NOTSET", ""):
        return geometry
    ends = []
    for length, (before, after), wide, step in zip(
        size, geometry.around(size), geometry.reach, geometry.strides, strict=True
    ):
        out = -(-(length + before + after - wide) // step) + 1
        out -= (out - 1) * step >= length + before
        ends.append(max((out - 1) * step + wide - length - before, after))
    return dataclasses.replace(geometry, pads=(*geometry.pads[: len(size)], *ends))


def _over_taps(
    x: Tensor,
    geometry: WindowGeometry,
    padding: int,
    read: Callable[[Tensor], Tensor],
    combine: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    seen = windows(pad_codes(x, geometry, padding), geometry)
    axes = len(geometry.kernel)
    found: Tensor | None = None
    for position in positions(geometry.kernel):
        part = read(seen[(slice(None),) * (1 + axes) + position])
        found = part if found is None else combine(found, part)
    assert found is not None
    return found.clone().movedim(-1, 1) if found.data_ptr() == x.data_ptr() else found.movedim(-1, 1)
