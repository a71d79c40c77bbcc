"""From int32 sums to codes, as ``core.reference.matmul.requantize`` says: float32 scales, rounding half to even."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["requantize"]


def requantize(
    total: Tensor, multiplier: Tensor, zero_point: Tensor | int, low: int, high: int, dtype: torch.dtype
) -> Tensor:
    """``saturate(round(total * multiplier) + zero_point)``.

    Each operation is rounded to float32 by itself, as NumPy's are. The zero point is added in float32, which is exact
    up to 2**24; what is larger is beyond ``high`` either way.

    Args:
        total: int32, any shape.
        multiplier: float32, broadcasts against ``total``.
        zero_point: of the result's grid.
        low: smallest code of the result.
        high: largest code of the result.
        dtype: int8 or uint8.
    """
    steps = (total.to(torch.float32) * multiplier).round_()
    return steps.add_(zero_point).clamp_(low, high).to(dtype)
