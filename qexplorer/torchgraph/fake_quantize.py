"""Rounding to a grid, with a gradient: the straight-through estimator.

Forward: ``y = (clip(round(x / scale) + zero, qmin, qmax) - zero) * scale``, half to even, as ``core.grid`` defines it;
NaN becomes the smallest code.

Backward, with ``(qmin - zero) * scale`` and ``(qmax - zero) * scale`` as ``low`` and ``high``, or the other way round
where a weight's scale is below zero:

- **The mask.** ``dy/dx = 1`` where ``low <= x <= high``, else 0: the gradient passes where ``x`` lies in the range that
  the grid represents, both ends included, and is stopped outside (Bengio et al. 2013; Jacob et al. 2018, section 3).
  NaN is outside.
- **The scale**, where it asks for a gradient: ``dy/dscale = round(x / scale) - x / scale`` inside, ``qmin - zero``
  below and ``qmax - zero`` above (Esser et al. 2020, equation 3), summed over the values that share the scale. The
  factor ``g = 1 / sqrt(values * qmax)`` of their section 2.2 is left to the trainer.
- **The zero point** has none.

For levels from a table (``to_levels``) forward is ``level * scale`` of the level nearest to ``x / scale``, as
``LevelTable.nearest`` defines it. Backward is the same with the ends of the table: inside, ``dy/dx = 1`` and
``dy/dscale = (y - x) / scale``; outside, 0 and the end's level. With ``everywhere`` the gradient passes for every ``x``
and the scale has the true one, its level: the estimator of binary and ternary weights (Courbariaux et al. 2015; Li and
Liu 2016, section 2.3), of which half lie outside the outermost levels and would never move again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["broadcast_grid", "codes_of", "fake_quantize", "to_levels"]


def broadcast_grid(values: Tensor, shape: torch.Size, axis: int, block: int) -> Tensor:
    """Scales or zero points in a shape that broadcasts against a tensor of ``shape``.

    Args:
        values: one; ``(C,)`` along ``axis``; or the tensor's shape with ``axis`` divided by ``block``, rounded up.
        shape: of the tensor to quantize.
        axis: may be negative.
        block: values along ``axis`` that share a scale; 0 unless per block.
    """
    if values.numel() == 1 and not block:
        return values.reshape(())
    axis = axis % len(shape)
    if block:
        return values.repeat_interleave(block, dim=axis).narrow(axis, 0, shape[axis])
    view = [1] * len(shape)
    view[axis] = shape[axis]
    return values.reshape(view)


def codes_of(x: Tensor, scale: Tensor, zero: Tensor, qmin: int, qmax: int) -> Tensor:
    """Codes of ``x`` as whole numbers in the dtype of ``x`` (which must hold them: float32 or float64).

    ``scale`` and ``zero`` are float tensors on the device of ``x``: CUDA multiplies by the reciprocal of a number that
    it is given from the processor, which is not the division that ONNX defines.
    """
    if torch.compiler.is_compiling():  # a tracer fuses them, and follows no changes in place
        return torch.nan_to_num(torch.round(x / scale) + zero, nan=float(qmin)).clamp(qmin, qmax)
    steps = (x / scale).round_().add_(zero)
    return torch.nan_to_num_(steps, nan=float(qmin)).clamp_(qmin, qmax)


def fake_quantize(x: Tensor, scale: Tensor, zero: Tensor, qmin: int, qmax: int) -> Tensor:
    """``x`` rounded to the grid, with the gradients that this module's text states.

    Args:
        x: any shape, float32 or float64.
        scale: not 0, broadcastable against ``x``.
        zero: zero points as whole numbers in a float dtype, broadcastable against ``x``.
        qmin: smallest code.
        qmax: largest code.
    """
    if torch.is_grad_enabled() and (x.requires_grad or scale.requires_grad):
        found: Tensor = _StraightThrough.apply(x, scale, zero, qmin, qmax)  # type: ignore[no-untyped-call]
        return found
    return (codes_of(x, scale, zero, qmin, qmax) - zero) * scale


class _StraightThrough(torch.autograd.Function):
    """See the module's text."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero: Tensor, qmin: int, qmax: int) -> Tensor:
        found = codes_of(x, scale, zero, qmin, qmax).sub_(zero).mul_(scale)
        ctx.save_for_backward(x, scale, zero, found)
        ctx.limits = (qmin, qmax)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        (gradient,) = gradients
        x, scale, zero, found = ctx.saved_tensors
        ends = (ctx.limits[0] - zero) * scale, (ctx.limits[1] - zero) * scale
        inside = (x >= torch.minimum(*ends)).logical_and_(x <= torch.maximum(*ends))
        to_x = gradient * inside
        to_scale = None
        if ctx.needs_input_grad[1]:
            # inside, round(x / scale) - x / scale is (found - x) / scale; outside, the end of the grid is found / scale
            to_scale = (gradient * found).sub_(to_x * x).sum_to_size(scale.shape) / scale
        return to_x, to_scale, None, None, None


def to_levels(
    x: Tensor, scale: Tensor, levels: Tensor, borders: Tensor, *, everywhere: bool = False, axis: int = 0
) -> Tensor:
    """``x`` rounded to the nearest of some levels times a scale, with the gradients that this module's text states.

    Args:
        x: any shape, float32 or float64. NaN goes to the first level.
        scale: > 0, broadcastable against ``x``.
        levels: ``(n,)``, ascending, at scale 1; or ``(C, n)``, those of each channel.
        borders: ``(n - 1,)`` or ``(C, n - 1)``, the largest value that still goes to the lower of two neighbours.
        everywhere: whether the gradient passes outside the outermost levels too.
        axis: of the channels.
    """
    found: Tensor = _ToLevels.apply(x, scale, levels, borders, everywhere, axis)  # type: ignore[no-untyped-call]
    return found


class _ToLevels(torch.autograd.Function):
    """See the module's text."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, levels: Tensor, borders: Tensor, everywhere: bool, axis: int
    ) -> Tensor:
        steps = torch.nan_to_num(x / scale, nan=float("-inf"), posinf=float("inf"), neginf=float("-inf"))
        found = _nearest(steps, levels, borders, axis) * scale
        first, last = (_beside(levels[..., end], x, axis) for end in (0, -1))
        ctx.save_for_backward(x, scale, first, last, found)
        ctx.everywhere = everywhere
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, scale, first, last, found = ctx.saved_tensors
        to_x, slope = gradient, found
        if not ctx.everywhere:
            inside = (x >= first * scale).logical_and_(x <= last * scale)
            to_x, slope = gradient * inside, torch.where(inside, found - x, found)
        to_scale = (gradient * slope).sum_to_size(scale.shape) / scale if ctx.needs_input_grad[1] else None
        return to_x, to_scale, None, None, None, None


def _nearest(steps: Tensor, levels: Tensor, borders: Tensor, axis: int) -> Tensor:
    """The level of each value at scale 1."""
    if levels.dim() == 1:
        return levels[torch.bucketize(steps.contiguous(), borders)]
    rows = steps.movedim(axis, 0)
    flat = rows.reshape(len(levels), -1)
    found = levels.gather(1, torch.searchsorted(borders, flat.contiguous()))
    return found.reshape(rows.shape).movedim(0, axis)


def _beside(ends: Tensor, x: Tensor, axis: int) -> Tensor:
    """One number, or one of each channel, as it broadcasts against ``x``."""
    return ends if not ends.dim() else ends.reshape([-1 if k == axis % x.dim() else 1 for k in range(x.dim())])
