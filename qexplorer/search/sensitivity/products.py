"""Gradients times rounding errors, summed piece by piece: a large network's tensors would cross memory ten times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

__all__ = ["product", "products_by_row"]

_PIECE = 2**16
"""Values that are rounded at a time: with what is computed on the way they stay in a core's own cache."""


def product(gradient: Tensor, error: Tensor) -> float:
    """``g' d`` over all values; gradients that are no number count for nothing."""
    found = torch.dot(gradient.float().reshape(-1), error.reshape(-1))
    if not torch.isfinite(found):
        found = torch.dot(torch.nan_to_num(gradient.float()).reshape(-1), error.reshape(-1))
    return float(found)


def products_by_row(
    value: Tensor, gradients: Sequence[Tensor], rounds: Callable[[Tensor], Tensor], rows: int, *, apart: bool
) -> Tensor:
    """``g' d`` over each row of values, ``d`` being what rounding changes of them.

    Args:
        value: what is rounded, of any shape and float type.
        gradients: of one shape with it, one for each draw.
        rounds: float32 to the rounded values, of the same shape.
        rows: into how many equal parts values fall, in their order.
        apart: whether every value is rounded without regard to others and to its place, so that pieces can be.

    Returns:
        float32, draws x rows. What is no number counts for nothing.
    """
    found = torch.zeros(len(gradients), rows)
    if not value.numel():
        return found
    with torch.no_grad():
        for piece, taken in _pieces(value, gradients, rows, apart=apart):
            exact = piece.float()
            error = rounds(exact) - exact
            for draw, gradient in enumerate(taken):
                sums = (gradient.float() * error).reshape(rows, -1).sum(1)
                if not torch.isfinite(sums).all():
                    sums = (torch.nan_to_num(gradient.float()) * error.nan_to_num()).reshape(rows, -1).sum(1)
                found[draw] += sums
    return found


def _pieces(
    value: Tensor, gradients: Sequence[Tensor], rows: int, *, apart: bool
) -> Iterator[tuple[Tensor, Sequence[Tensor]]]:
    if not apart:
        yield value, gradients
        return
    order = sorted(range(value.ndim), key=value.stride, reverse=True)
    if order[:1] == [0]:  # samples lie one behind the other: the rest is taken as it lies in memory
        value, gradients = value.permute(order), [each.permute(order) for each in gradients]
    flat, others = value.reshape(rows, -1), [each.reshape(rows, -1) for each in gradients]
    width = max(1, _PIECE // rows)
    for start in range(0, flat.shape[1], width):
        yield flat[:, start : start + width], [each[:, start : start + width] for each in others]
