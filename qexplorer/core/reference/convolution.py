"""ConvInteger and QLinearConv (opset 10) in NumPy, for any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.grid import Int32
from qexplorer.core.reference.matmul import requantize, wrapped

__all__ = ["conv_integer", "qlinear_conv"]


def conv_integer(
    x: Array,
    w: Array,
    x_zero_point: Array | None = None,
    w_zero_point: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (),
    group: int = 1,
    kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Int32:
    """A convolution of codes in int32, padded with the zero point, which stands for zero. (ConvInteger, opset 10)

    Args:
        x: int8 or uint8, shape ``(N, C, D1, ...)``.
        w: int8 or uint8, shape ``(M, C / group, k1, ...)``.
        x_zero_point: type of ``x``, a scalar.
        w_zero_point: type of ``w``, a scalar or one value per output channel.
        auto_pad: ``NOTSET``, ``VALID``, ``SAME_UPPER`` or ``SAME_LOWER``.
        dilations: step between the kernel's values on each spatial axis; 1 by default.
        group: groups that channels are divided into.
        kernel_shape: must be that of ``w``, if given.
        pads: values added before each spatial axis, then after each; 0 by default.
        strides: step of the kernel on each spatial axis; 1 by default.

    Raises:
        ValueError: a kernel shape that is not that of ``w``.
    """
    kernel, axes = w.shape[2:], w.ndim - 2
    if tuple(kernel_shape) not in ((), kernel):
        raise ValueError(f"kernel_shape {tuple(kernel_shape)} differs from that of the weight, {kernel}")
    steps, gaps = tuple(strides) or (1,) * axes, tuple(dilations) or (1,) * axes
    data, weight = x.astype(np.int64), w.astype(np.int64)
    if x_zero_point is not None:
        data = data - x_zero_point.astype(np.int64).reshape(())
    if w_zero_point is not None:
        weight = weight - w_zero_point.astype(np.int64).reshape((-1,) + (1,) * (w.ndim - 1))
    reach = tuple((k - 1) * gap + 1 for k, gap in zip(kernel, gaps, strict=True))
    around = _padding(auto_pad, pads, x.shape[2:], reach, steps)
    return wrapped(_convolve(np.pad(data, ((0, 0), (0, 0), *around)), weight, reach, steps, gaps, group))


def qlinear_conv(
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    w: Array,
    w_scale: Array,
    w_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
    b: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (),
    group: int = 1,
    kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Array:
    """A convolution of codes, on the grid of ``y``. (QLinearConv, opset 10)

    Args:
        x: codes, shape ``(N, C, D1, ...)``.
        x_scale: float32 scalar.
        x_zero_point: type of ``x``, a scalar.
        w: codes, shape ``(M, C / group, k1, ...)``.
        w_scale: float32, a scalar or one value per output channel.
        w_zero_point: type of ``w``, shape of ``w_scale``.
        y_scale: float32 scalar.
        y_zero_point: a scalar of the type of the result.
        b: int32, shape ``(M,)``, in steps of ``x_scale * w_scale``.
        auto_pad: as in :func:`conv_integer`, and so are the other attributes.
        dilations: see there.
        group: see there.
        kernel_shape: see there.
        pads: see there.
        strides: see there.
    """
    total = conv_integer(
        *(x, w, x_zero_point, w_zero_point),
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    channel = (-1,) + (1,) * (w.ndim - 2)
    if b is not None:
        total = wrapped(total.astype(np.int64) + b.astype(np.int64).reshape(channel))
    scale = np.asarray(x_scale, np.float32).reshape(()) * np.asarray(w_scale, np.float32).reshape(-1)
    multiplier = np.asarray(scale / np.asarray(y_scale, np.float32).reshape(()), np.float32)
    return requantize(total, multiplier.reshape(channel), y_zero_point.reshape(()))


def _convolve(
    x: NDArray[np.int64],
    w: NDArray[np.int64],
    reach: tuple[int, ...],
    steps: tuple[int, ...],
    gaps: tuple[int, ...],
    group: int,
) -> NDArray[np.int64]:
    """Sums of products of the padded ``x`` with ``w``, shape ``(N, M, O1, ...)``."""
    axes = len(reach)
    windows = sliding_window_view(x, reach, axis=tuple(range(2, 2 + axes)))
    every = tuple(slice(None, None, step) for step in steps)
    inside = tuple(slice(None, None, gap) for gap in gaps)
    windows = windows[(slice(None), slice(None), *every, *inside)]
    channels, outputs = x.shape[1] // group, w.shape[0] // group
    parts = []
    for g in range(group):
        patch, weight = windows[:, g * channels : (g + 1) * channels], w[g * outputs : (g + 1) * outputs]
        summed = (1, *range(2 + axes, 2 + 2 * axes))
        parts.append(np.tensordot(patch, weight, axes=(summed, tuple(range(1, 2 + axes)))))
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


def _padding(
    auto_pad: str, pads: Sequence[int], size: tuple[int, ...], reach: tuple[int, ...], steps: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Values before and after each spatial axis."""
    axes = len(size)
    if auto_pad in ("NOTSET", ""):
        given = tuple(pads) or (0,) * (2 * axes)
        return tuple(zip(given[:axes], given[axes:], strict=True))
    if auto_pad == "VALID":
        return ((0, 0),) * axes
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"auto_pad '{auto_pad}' is not one of NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    around = []
    for length, wide, step in zip(size, reach, steps, strict=True):
        total = max((-(-length // step) - 1) * step + wide - length, 0)
        less, more = total // 2, total - total // 2
        around.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return tuple(around)
