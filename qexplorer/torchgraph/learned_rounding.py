"""Rounding to a grid whose scale learns in the logarithm, in few passes over memory and few calls.

The same values and gradients as ``fake_quantize`` with ``scale = first exp(log)``, in the processor's memory, for one
scale or one a channel and one zero point for all, which is the grid of most weights and activations in training: there
it takes a third of the time, because the many small steps of the general form cost more than the rounding itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["learned_rounding"]

_NUMPY: dict[torch.dtype, type[np.floating[Any]]] = {torch.float32: np.float32, torch.float64: np.float64}


def learned_rounding(
    x: Tensor, first: Tensor, log: Tensor | None, zero: float, limits: tuple[int, int], axis: int
) -> Tensor | None:
    """``x`` rounded, or None where the general form must do it (other devices, other types, while tracing).

    Args:
        x: any shape, float32 or float64.
        first: the scale at ``log`` 0: one, or ``(C,)`` along ``axis``.
        log: what learns, of the same shape; None learns nothing.
        zero: the zero point of all.
        limits: smallest and largest code.
        axis: of the channels.
    """
    if x.device.type != "cpu" or x.dtype not in _NUMPY or torch.compiler.is_compiling():
        return None
    view = () if first.numel() == 1 else tuple(x.shape[axis] if d == axis % x.dim() else 1 for d in range(x.dim()))
    found: Tensor = _Learned.apply(x, log, first, view, zero, limits)  # type: ignore[no-untyped-call]
    return found


class _Learned(torch.autograd.Function):
    """See ``fake_quantize`` for the gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        log: Tensor | None,
        first: Tensor,
        view: tuple[int, ...],
        zero: float,
        limits: tuple[int, int],
    ) -> Tensor:
        scale = (first if log is None else first * torch.exp(log)).view(view)
        found = x / scale
        ctx.finite = math.isfinite(found.sum().item())
        found.round_()
        if zero:
            found.add_(zero)
        if not ctx.finite:
            torch.nan_to_num_(found, nan=float(limits[0]))
        found.clamp_(*limits)
        if zero:
            found.sub_(zero)
        found.mul_(scale)
        ctx.save_for_backward(x, scale, found)
        ctx.ends, ctx.shape = (limits[0] - zero, limits[1] - zero), None if log is None else log.shape
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, scale, found = ctx.saved_tensors
        if not ctx.finite:
            x = torch.nan_to_num(x, nan=math.inf, posinf=math.inf, neginf=-math.inf)
        to_x = _inside(gradient, x, scale, ctx.ends)
        to_log = None
        if ctx.shape is not None and ctx.needs_input_grad[1]:
            # inside (round(x / scale) - x / scale) * scale is found - x; outside the end of the grid is found
            inner = x if ctx.finite else torch.where(to_x != 0, x, 0.0)
            to_log = (gradient * found).addcmul_(to_x, inner, value=-1).sum_to_size(scale.shape).view(ctx.shape)
        return to_x, to_log, None, None, None, None


def _inside(gradient: Tensor, x: Tensor, scale: Tensor, ends: tuple[float, float]) -> Tensor:
    """The gradient where ``x`` lies between the ends, both included."""
    if scale.dim():
        return gradient * (x >= ends[0] * scale).logical_and_(x <= ends[1] * scale)
    kind = _NUMPY[x.dtype]
    step = kind(scale.item())
    # the bounds of this kernel are outside: the next numbers beyond ours leave our ends in
    low, high = np.nextafter(kind(ends[0]) * step, kind(-math.inf)), np.nextafter(kind(ends[1]) * step, kind(math.inf))
    found: Tensor = torch.ops.aten.hardtanh_backward(gradient, x, float(low), float(high))
    return found
