"""Exact products of 8-bit codes in int32, through ``torch._int_mm``.

``torch._int_mm`` is oneDNN on the processor and cuBLAS on CUDA. On a processor without VNNI oneDNN adds two products in
16 bits and saturates (AVX2: 127 * 127 * 27 came out wrong), silently. So the first product of a process is tried with
the largest codes there are; where it comes out wrong, weights are halved into two matrices of at most 64, whose pairs
of products cannot leave 16 bits (255 * 64 * 2 = 32640), and both are summed in int32: twice the work, and exact.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Matrix", "matrix", "multiply", "signed", "sums_exactly"]

_ALIGN = 8  # cuBLAS wants K and N in multiples of 8 ...
_ROWS = 17  # ... and more than 16 rows
_LEAST = 2
"""On the processor: torch 2.13 trusts the stride of an axis of size one, which may be anything."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The right-hand side of a product.

    Attributes:
        parts: int8, shape ``(K', N')`` each, stored by column; their sum is the matrix, padded with zeros.
        k: rows without padding.
        n: columns without padding.
    """

    parts: tuple[Tensor, ...]
    k: int
    n: int


def signed(codes: Tensor) -> Tensor:
    """8-bit codes as int8: uint8 codes are moved down by 128, int8 codes stay."""
    return codes.view(torch.int8) ^ -128 if codes.dtype == torch.uint8 else codes


def matrix(codes: Tensor) -> Matrix:
    """Prepares int8 ``codes`` of shape ``(N, K)``, one row per column of the product."""
    n, k = codes.shape
    padded = torch.nn.functional.pad(codes, (0, _missing(k, codes), 0, _missing(n, codes)))
    if codes.is_cuda or sums_exactly():
        return Matrix((padded.contiguous().t(),), k, n)
    half = padded >> 1
    return Matrix((half.contiguous().t(), (padded - half).contiguous().t()), k, n)


def multiply(left: Tensor, right: Matrix) -> Tensor:
    """``left @ right`` in int32, exact modulo 2**32.

    Args:
        left: int8, shape ``(M, K)``.
        right: from :func:`matrix`, on the same device.

    Returns:
        int32, shape ``(M, N)``.
    """
    rows = left.shape[0]
    if rows == 0:
        return torch.zeros((0, right.n), dtype=torch.int32, device=left.device)
    columns, lines = _missing(right.k, left), max(_ROWS - rows, 0) if left.is_cuda else 0
    if columns or lines:
        left = torch.nn.functional.pad(left, (0, columns, 0, lines))
    left = left.contiguous()
    left = left.as_strided(left.shape, (left.shape[1], 1))
    total = torch._int_mm(left, right.parts[0])
    for part in right.parts[1:]:
        total += torch._int_mm(left, part)
    return total[:rows, : right.n]


def _missing(size: int, codes: Tensor) -> int:
    """Zeros to add to an axis of ``size`` values."""
    return -size % _ALIGN if codes.is_cuda else max(_LEAST - size, 0)


@functools.cache
def sums_exactly() -> bool:
    """Whether ``torch._int_mm`` on this processor gives exact sums of the largest codes."""
    for low, high in ((127, 127), (-128, 127), (127, -128), (-128, -128)):
        for m, k, n in ((1, 33, 3), (32, 64, 16), (33, 256, 64)):
            left = torch.full((m, k), low, dtype=torch.int8)
            right = torch.full((n, k), high, dtype=torch.int8).t()
            if not bool((torch._int_mm(left, right) == low * high * k).all()):
                return False
    return True
