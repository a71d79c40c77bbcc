"""MatMulInteger (opset 10) and QLinearMatMul (opset 21) in NumPy, and what they share with the convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.grid import Int32
from qexplorer.core.reference.types import code_format

__all__ = ["matmul_integer", "qlinear_matmul", "requantize", "wrapped"]


def matmul_integer(a: Array, b: Array, a_zero_point: Array | None = None, b_zero_point: Array | None = None) -> Int32:
    """``(a - a_zero_point) @ (b - b_zero_point)`` in int32. (MatMulInteger, opset 10)

    Args:
        a: int8 or uint8, shape ``(..., M, K)``.
        b: int8 or uint8, shape ``(..., K, N)``.
        a_zero_point: type of ``a``; a scalar, or one value per row, shape ``(M,)`` or ``(..., M, 1)``.
        b_zero_point: type of ``b``; a scalar, or one value per column, shape ``(N,)`` or ``(..., 1, N)``.
    """
    left, right = a.astype(np.int64), b.astype(np.int64)
    if a_zero_point is not None:
        left = left - _per_row(a_zero_point.astype(np.int64))
    if b_zero_point is not None:
        right = right - b_zero_point.astype(np.int64)
    return wrapped(left @ right)


def qlinear_matmul(
    a: Array,
    a_scale: Array,
    a_zero_point: Array,
    b: Array,
    b_scale: Array,
    b_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
) -> Array:
    """A matrix product of codes, on the grid of ``y``. (QLinearMatMul, opset 21)

    Args:
        a: codes, shape ``(..., M, K)``; scale and zero point are scalars, or one value per row.
        a_scale: float32, float16 or bfloat16.
        a_zero_point: type of ``a``.
        b: codes, shape ``(..., K, N)``; scale and zero point are scalars, or one value per column.
        b_scale: type of ``a_scale``.
        b_zero_point: type of ``b``.
        y_scale: type of ``a_scale``, a scalar, or one value per row.
        y_zero_point: a scalar or one value per row, of the type of the result.
    """
    total = matmul_integer(a, b, a_zero_point, b_zero_point)
    scales = [np.asarray(scale).astype(np.float32) for scale in (a_scale, b_scale, y_scale)]
    multiplier = _per_row(scales[0]) * scales[1] / _per_row(scales[2])
    return requantize(total, multiplier, _per_row(y_zero_point))


def requantize(total: Int32, multiplier: NDArray[np.float32], zero_point: Array) -> Array:
    """Accumulators brought onto an output grid: ``saturate(round(total * multiplier) + zero_point)``.

    Args:
        total: int32 accumulators.
        multiplier: float32, input scale times weight scale over output scale; broadcasts against ``total``.
        zero_point: of the output's type; broadcasts against ``total``.
    """
    filled = code_format(zero_point.dtype)
    steps = np.rint(total.astype(np.float32) * multiplier).astype(np.float64) + zero_point.astype(np.int32)
    return np.asarray(np.clip(steps, filled.qmin, filled.qmax).astype(np.int32).astype(zero_point.dtype))


def wrapped(total: NDArray[np.int64]) -> Int32:
    """Sums as an int32 accumulator holds them: modulo 2**32."""
    return np.asarray(total.astype(np.int32))


def _per_row(values: NDArray[Any]) -> NDArray[Any]:
    """Values per row as a column, so that they broadcast; a single value stays single."""
    if values.size == 1:
        return values.reshape(())
    return values.reshape(-1, 1) if values.ndim == 1 else values
