"""Matrix products of 8-bit codes with zero points, in int32, with any leading axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qexplorer.run.torch_integer.products import Matrix, matrix, multiply

__all__ = ["Right", "matmul_sums", "right_hand"]


@dataclass(frozen=True, slots=True)
class Right:
    """The right-hand side of a product, laid out once.

    Attributes:
        matrices: one per index of the leading axes.
        batch: the leading axes.
        sums: int32, shape ``(*batch, 1, N)``: sum of each column's codes.
    """

    matrices: tuple[Matrix, ...]
    batch: tuple[int, ...]
    sums: Tensor


def right_hand(codes: Tensor) -> Right:
    """Lays out int8 ``codes`` of shape ``(..., K, N)``."""
    batch = tuple(codes.shape[:-2])
    apart = codes.reshape(math.prod(batch), *codes.shape[-2:]).transpose(1, 2)
    return Right(tuple(matrix(each) for each in apart), batch, codes.sum(-2, keepdim=True, dtype=torch.int32))


def matmul_sums(left: Tensor, left_zero: Tensor, right: Right, right_zero: Tensor | None) -> Tensor:
    """``(left - left_zero) @ (right - right_zero)`` in int32.

    Args:
        left: int8, shape ``(..., M, K)`` or ``(K,)``.
        left_zero: int32, broadcasts against ``(..., M, 1)``.
        right: from :func:`right_hand`.
        right_zero: int32, broadcasts against ``(..., 1, N)``; None if all are zero.

    Raises:
        ValueError: the inner sizes differ.
    """
    if left.ndim == 1:
        return matmul_sums(left.unsqueeze(0), left_zero, right, right_zero).squeeze(-2)
    k = right.matrices[0].k if right.matrices else left.shape[-1]
    if left.shape[-1] != k:
        raise ValueError(f"rows of {left.shape[-1]} values do not fit columns of {k}")
    total = _products(left, right)
    corrected = right.sums * left_zero
    if right_zero is not None:
        rows = left.sum(-1, keepdim=True, dtype=torch.int32)
        corrected = corrected + rows * right_zero - k * left_zero * right_zero
    return total - corrected


def _products(left: Tensor, right: Right) -> Tensor:
    n = right.matrices[0].n if right.matrices else right.sums.shape[-1]
    batch = np.broadcast_shapes(left.shape[:-2], right.batch)
    if len(right.matrices) == 1:
        rows = multiply(left.reshape(-1, left.shape[-1]), right.matrices[0])
        return rows.reshape(*left.shape[:-1], n).expand(*batch, left.shape[-2], n)
    lefts = left.expand(*batch, *left.shape[-2:]).reshape(math.prod(batch), *left.shape[-2:])
    which = torch.arange(len(right.matrices)).reshape(right.batch).expand(batch).reshape(-1).tolist()
    found = [multiply(each, right.matrices[index]) for each, index in zip(lefts, which, strict=True)]
    if not found:
        return torch.zeros((*batch, left.shape[-2], n), dtype=torch.int32, device=left.device)
    return torch.stack(found).reshape(*batch, left.shape[-2], n)
