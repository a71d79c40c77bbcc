"""QuantizeLinear, DequantizeLinear (opset 23) and DynamicQuantizeLinear (opset 11) in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.grid import Grid, dequantize, quantize
from qexplorer.core.reference.types import code_format, code_type, is_float_code, largest

__all__ = ["dequantize_linear", "dynamic_quantize_linear", "grid_of", "quantize_linear"]


def quantize_linear(
    x: Array,
    y_scale: Array,
    y_zero_point: Array | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    saturate: int = 1,
    output_dtype: int = 0,
    precision: int = 0,
) -> Array:
    """Codes of ``x``: ``saturate(round(x / y_scale) + y_zero_point)``. (QuantizeLinear, opset 23)

    Args:
        x: any shape; float32, float16, bfloat16 or int32.
        y_scale: a scalar, one value per index of ``axis``, or one per block along ``axis``.
        y_zero_point: same shape, of the type that the codes get; uint8 zeros if left out.
        axis: the axis along which scales differ.
        block_size: values that share a scale along ``axis``; 0 if they are not blocked.
        saturate: small floats only: 1 clips to the largest finite value, 0 overflows as the type does.
        output_dtype: TensorProto.DataType of the codes when there is no zero point.
        precision: TensorProto.DataType of the division, 1 (float32) or 10 (float16); that of the scale by default.

    Raises:
        ValueError: a type that codes cannot have, or a precision other than those.
    """
    wanted = y_zero_point.dtype if y_zero_point is not None else code_type(output_dtype or 2)
    working = _division_type(y_scale.dtype, precision)
    if is_float_code(wanted):
        grid = grid_of(y_scale, None, np.dtype(np.int8), x.ndim, axis, block_size)
        quotient = x.astype(np.float32) / grid.expanded(x.shape)[0]
        limit = largest(wanted)
        # a NaN stays one; np.clip keeps it
        return np.asarray((np.clip(quotient, -limit, limit) if saturate else quotient).astype(wanted))
    grid = grid_of(y_scale, y_zero_point, wanted, x.ndim, axis, block_size)
    if working == np.float32:
        return quantize(np.asarray(x, np.float32), grid).astype(wanted)
    scale, zero = grid.expanded(x.shape)
    steps = np.rint(x.astype(working) / scale.astype(working)).astype(np.float64) + zero
    return np.asarray(np.clip(steps, grid.qmin, grid.qmax).astype(np.int32).astype(wanted))


def dequantize_linear(
    x: Array,
    x_scale: Array,
    x_zero_point: Array | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Array:
    """Values of codes: ``(x - x_zero_point) * x_scale``, of the scale's type. (DequantizeLinear, opset 23)

    Args:
        x: codes, any shape; integers, or small floats.
        x_scale: a scalar, one value per index of ``axis``, or one per block along ``axis``.
        x_zero_point: same shape, of the type of ``x``; zeros if left out.
        axis: the axis along which scales differ.
        block_size: values that share a scale along ``axis``; 0 if they are not blocked.
        output_dtype: must be 0 or the type of the scale; others are not implemented.

    Raises:
        ValueError: codes of another type, or an output type that is not implemented.
    """
    if output_dtype and output_dtype != {"float32": 1, "float16": 10, "bfloat16": 16}.get(x_scale.dtype.name):
        raise ValueError(f"output_dtype {output_dtype} differs from the scale's type")
    if is_float_code(x.dtype):
        grid = grid_of(x_scale, None, np.dtype(np.int8), x.ndim, axis, block_size)
        return np.asarray((x.astype(np.float32) * grid.expanded(x.shape)[0]).astype(x_scale.dtype))
    grid = grid_of(x_scale, x_zero_point, x.dtype, x.ndim, axis, block_size)
    return dequantize(x.astype(np.int32), grid).astype(x_scale.dtype)


def dynamic_quantize_linear(x: Array) -> tuple[Array, Array, Array]:
    """uint8 codes, scale and zero point of a tensor by its own range. (DynamicQuantizeLinear, opset 11)

    All arithmetic is in float32, as the specification's function body has it; a tensor of zeros gets scale 1.

    Args:
        x: float32, any shape, not empty.

    Returns:
        Codes (uint8, shape of ``x``), scale (float32, shape ``()``) and zero point (uint8, shape ``()``).
    """
    zero = np.float32(0)
    low, high = np.minimum(x.min(), zero, dtype=np.float32), np.maximum(x.max(), zero, dtype=np.float32)
    scale = np.float32(1) if low == high else np.float32((high - low) / np.float32(255))
    point = np.asarray(np.rint(np.clip(-low / scale, zero, np.float32(255))), np.uint8)
    return quantize_linear(x, np.asarray(scale), point), np.asarray(scale, np.float32), point


def grid_of(
    scale: Array, zero_point: Array | None, codes: np.dtype[Any], rank: int, axis: int = 1, block_size: int = 0
) -> Grid:
    """The grid that a scale and a zero point of ONNX describe, for codes of type ``codes`` in a tensor of ``rank``.

    One value (of shape ``()`` or ``(1,)``) is a grid per tensor, whatever ``axis`` says.
    """
    filled = code_format(codes)
    scales = np.asarray(scale, np.float32)
    zeros = np.zeros(scales.shape, np.int32) if zero_point is None else np.asarray(zero_point).astype(np.int32)
    if scales.size == 1 and not block_size:
        return Grid(filled, scales.reshape(()), zeros.reshape(()), None, None, filled.qmin, filled.qmax)
    return Grid(filled, scales, zeros, axis % rank, block_size or None, filled.qmin, filled.qmax)


def _division_type(scale: np.dtype[Any], precision: int) -> np.dtype[Any]:
    if precision not in (0, 1, 10):
        raise ValueError(f"precision {precision} is not implemented")
    if precision:
        return np.dtype(np.float32 if precision == 1 else np.float16)
    return scale if scale.name in ("float16", "bfloat16") else np.dtype(np.float32)
