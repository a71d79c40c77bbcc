"""Resize and Upsample.

Every mode is a sum of a few source values along each axis, taken in turn. Which values and with what weights is plain
arithmetic on sizes, done in NumPy in float64; torch then picks (nearest) or multiplies by a small matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["resize", "upsample"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis to resize: its number, sizes, scale, and the part of it (0 to 1) that ``tf_crop_and_resize`` takes."""

    axis: int
    size: int
    wanted: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    def cropped(self, start: float, end: float, *, by_scale: bool) -> _Axis:
        """The same axis, of which a part is taken: scales apply to that part, sizes are what they are."""
        wanted = math.floor(self.size * (end - start) * self.scale) if by_scale else self.wanted
        return _Axis(self.axis, self.size, wanted, self.scale, start, end)


@operator("Upsample", since=7, until=8)
def upsample_attribute(node: Node, x: Tensor) -> Tensor:
    """Larger by the attribute ``scales``."""
    scales = tuple(float(value) for value in node.attributes.get("scales", ()))
    return _resized(node, x, _by_scales(x, range(x.dim()), scales), "asymmetric", "floor")


@operator("Upsample", since=9, until=9, host=(1,))
def upsample(node: Node, x: Tensor, scales: Host) -> Tensor:
    """Larger by ``scales``."""
    return resize_10(node, x, scales)


@operator("Resize", since=10, host=(1,))
def resize_10(node: Node, x: Tensor, scales: Host) -> Tensor:
    """Another size, by ``scales``; places as in ``asymmetric`` with ``floor``."""
    given = [float(value) for value in scales.reshape(-1)]
    return _resized(node, x, _by_scales(x, range(x.dim()), given), "asymmetric", "floor")


@operator("Resize", since=11, host=(1, 2, 3))
def resize(
    node: Node, x: Tensor, roi: Host | None = None, scales: Host | None = None, sizes: Host | None = None
) -> Tensor:
    """Another size, by ``scales`` or to ``sizes``, in every mode of operator-set version 19 and before."""
    named = node.wholes("axes")
    along = list(range(x.dim())) if named is None else [axis_of(axis, x.dim()) for axis in named]
    if sizes is not None and sizes.size:
        axes = _by_sizes(node, x, along, [int(value) for value in sizes.reshape(-1)])
    else:
        given = [] if scales is None else [float(value) for value in scales.reshape(-1)]
        axes = _by_scales(x, along, given)
    place = node.text("coordinate_transformation_mode", "half_pixel")
    if place == "tf_crop_and_resize" and roi is not None:
        ends = roi.reshape(2, -1).astype(np.float64)
        by_scale = sizes is None or not sizes.size
        axes = [axis.cropped(ends[0, i], ends[1, i], by_scale=by_scale) for i, axis in enumerate(axes)]
    return _resized(node, x, axes, place, node.text("nearest_mode", "round_prefer_floor"))


def _by_scales(x: Tensor, along: Sequence[int], scales: Sequence[float]) -> list[_Axis]:
    sizes = [x.shape[axis] for axis in along]
    return [_Axis(a, n, math.floor(n * s), s) for a, n, s in zip(along, sizes, scales, strict=True)]


def _by_sizes(node: Node, x: Tensor, along: Sequence[int], wanted: Sequence[int]) -> list[_Axis]:
    sizes = [x.shape[axis] for axis in along]
    scales = [want / size for want, size in zip(wanted, sizes, strict=True)]
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        scale = min(scales) if policy == "not_larger" else max(scales)
        scales = [scale] * len(scales)
        wanted = [math.floor(scale * size + 0.5) for size in sizes]
    return [_Axis(a, n, want, s) for a, n, want, s in zip(along, sizes, wanted, scales, strict=True)]


def _resized(node: Node, x: Tensor, axes: Sequence[_Axis], place: str, nearest: str) -> Tensor:
    crops = place == "tf_crop_and_resize"
    mode = {"bilinear": "linear"}.get(node.text("mode", "nearest"), node.text("mode", "nearest"))
    outside: list[tuple[int, NDArray[np.bool_]]] = []
    found = x if x.is_floating_point() or mode == "nearest" else x.to(torch.float32)
    for axis in axes:
        if axis.scale == 1 and axis.wanted == axis.size and not crops:
            continue
        places = _places(axis, place)
        if crops:
            outside.append((axis.axis, (places < 0) | (places > axis.size - 1)))
        if mode == "nearest":
            picked = torch.from_numpy(_nearest(places, axis.size, nearest)).to(x.device)
            found = found.index_select(axis.axis, picked)
        else:
            weights = _weights(node, mode, places, axis)
            matrix = torch.from_numpy(weights).to(device=x.device, dtype=found.dtype)
            found = torch.matmul(found.movedim(axis.axis, -1), matrix.t()).movedim(-1, axis.axis)
    for number, mask in outside:
        shape = [1] * x.dim()
        shape[number] = mask.size
        hidden = torch.from_numpy(mask).to(x.device).reshape(shape)
        found = found.masked_fill(hidden, node.number("extrapolation_value", 0.0))
    return found if x.is_floating_point() else _whole(found, x.dtype)


def _whole(found: Tensor, dtype: torch.dtype) -> Tensor:
    """Integers stay integers: rounded half to even and kept in the type's range."""
    if not found.is_floating_point():
        return found
    info = torch.iinfo(dtype)
    return torch.round(found).clamp(info.min, info.max).to(dtype)


def _places(axis: _Axis, place: str) -> Float64:
    """Where in the source each value of the answer lies."""
    out = np.arange(axis.wanted, dtype=np.float64)
    wanted = axis.size * axis.scale if axis.scale else axis.wanted
    if place == "align_corners":
        return out * (axis.size - 1) / (wanted - 1) if wanted > 1 else np.zeros_like(out)
    if place == "asymmetric":
        return out / axis.scale
    if place == "pytorch_half_pixel":
        return (out + 0.5) / axis.scale - 0.5 if wanted > 1 else np.zeros_like(out)
    if place == "tf_half_pixel_for_nn":
        return (out + 0.5) / axis.scale
    if place == "half_pixel_symmetric":
        centre = axis.size / 2 * (1 - axis.wanted / wanted)
        return centre + (out + 0.5) / axis.scale - 0.5
    if place == "tf_crop_and_resize":
        span = axis.end - axis.start
        if axis.wanted > 1:
            return axis.start * (axis.size - 1) + out * span * (axis.size - 1) / (axis.wanted - 1)
        return np.full_like(out, 0.5 * (axis.start + axis.end) * (axis.size - 1))
    return (out + 0.5) / axis.scale - 0.5


def _nearest(places: Float64, size: int, mode: str) -> NDArray[np.int64]:
    if mode == "floor":
        found = np.floor(places)
    elif mode == "ceil":
        found = np.ceil(places)
    elif mode == "round_prefer_ceil":
        found = np.floor(places + 0.5)
    else:
        found = np.ceil(places - 0.5)
    return found.clip(0, size - 1).astype(np.int64)


def _weights(node: Node, mode: str, places: Float64, axis: _Axis) -> Float64:
    """A matrix (wanted, size): what part each source value has in each value of the answer."""
    stretch = min(axis.scale, 1.0) if node.whole("antialias", 0) else 1.0
    reach = (2 if mode == "cubic" else 1) / stretch
    first = np.floor(places - reach).astype(np.int64) + 1
    taps = first[:, None] + np.arange(math.ceil(2 * reach) + 1)
    distance = np.abs(places[:, None] - taps) * stretch
    share = _cubic(distance, node.number("cubic_coeff_a", -0.75)) if mode == "cubic" else np.maximum(1 - distance, 0)
    if node.whole("exclude_outside", 0):
        share = np.where((taps < 0) | (taps >= axis.size), 0, share)
    share = share / share.sum(1, keepdims=True)
    matrix = np.zeros((len(places), axis.size))
    np.add.at(matrix, (np.arange(len(places))[:, None], taps.clip(0, axis.size - 1)), share)
    return matrix


def _cubic(distance: Float64, a: float) -> Float64:
    """Keys 1981, with the coefficient ``a``."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = (((distance - 5) * distance + 8) * distance - 4) * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))
