"""What stands at a rounding point in training: rounding with the straight-through gradient, and a scale that may learn.

The scale is learned as ``scale = s0 exp(v)``: it stays positive, and one step of an optimizer moves it by the same
share whatever its size (Jain et al. 2020, Trained quantization thresholds, section 3.2, in their words the log domain).
Its gradient is that of learned step sizes (Esser et al. 2020, LSQ, equation 3), times the scale by the chain rule.

With ``learn_zero`` the zero point learns too (Bhalgat et al. 2020, LSQ+, equations 3 to 5): it is rounded to a code in
every run, and has the gradient ``-scale`` where the value lies outside the grid and 0 inside.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.grid import Float32, Grid
from qexplorer.torchgraph.fake_quantize import broadcast_grid, fake_quantize

__all__ = ["DynamicQuantizer", "FixedValues", "GridQuantizer"]


class GridQuantizer(nn.Module):
    """Rounds to a grid of evenly spaced levels.

    Args:
        grid: where it starts.
        learn_scale: whether the scale learns.
        learn_zero: whether the zero point learns.
        like: one whose scale and zero point this one shares, whatever else is said.
    """

    def __init__(
        self, grid: Grid, *, learn_scale: bool, learn_zero: bool = False, like: GridQuantizer | None = None
    ) -> None:
        super().__init__()
        self._grid = grid
        self.register_buffer("first_scale", torch.from_numpy(np.array(grid.scale, np.float32)))
        self.register_buffer("first_zero", torch.from_numpy(np.array(grid.zero_point, np.float32)))
        shape = grid.scale.shape
        self.log_scale = nn.Parameter(torch.zeros(shape)) if learn_scale else None
        self.zero_steps = nn.Parameter(torch.zeros(shape)) if learn_zero else None
        if like is not None:
            self.log_scale, self.zero_steps = like.log_scale, like.zero_steps

    @property
    def scale(self) -> Tensor:
        """The scale as it is now, in the shape of the grid's."""
        first: Tensor = self.first_scale  # type: ignore[assignment]
        return first if self.log_scale is None else first * torch.exp(self.log_scale)

    @property
    def zero(self) -> Tensor:
        """The zero point as it is now, a whole number within the grid, with a straight-through gradient."""
        first: Tensor = self.first_zero  # type: ignore[assignment]
        if self.zero_steps is None:
            return first
        moved = (first + self.zero_steps).clamp(self._grid.qmin, self._grid.qmax)
        return moved + (torch.round(moved) - moved).detach()

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, of the same shape."""
        grid = self._grid
        axis, block = grid.axis or 0, grid.block or 0
        scale = broadcast_grid(self.scale, x.shape, axis, block)
        zero = broadcast_grid(self.zero, x.shape, axis, block)
        found = fake_quantize(x, scale, zero.detach(), grid.qmin, grid.qmax)
        if self.zero_steps is None or not torch.is_grad_enabled():
            return found
        outside = ((x < (grid.qmin - zero) * scale) | (x > (grid.qmax - zero) * scale)).to(x.dtype)
        return found - outside * scale.detach() * (zero - zero.detach())

    def steps_of(self, x: Tensor) -> Tensor:
        """The scale of each value of ``x``, broadcastable against it, without gradient."""
        return broadcast_grid(self.scale.detach(), x.shape, self._grid.axis or 0, self._grid.block or 0)

    def grid(self) -> Grid:
        """The grid as it is now."""
        scale = self.scale.detach().cpu().numpy().astype(np.float32)
        zero = self.zero.detach().cpu().numpy().astype(np.int32)
        return replace(self._grid, scale=scale, zero_point=zero)


class FixedValues(nn.Module):
    """Gives a constant's rounded values, whatever it is asked for: a grid without a gradient.

    Args:
        values: float32.
    """

    def __init__(self, values: Float32) -> None:
        super().__init__()
        self.register_buffer("values", torch.from_numpy(np.array(values, np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """The values."""
        del x
        found: Tensor = self.values  # type: ignore[assignment]
        return found


class DynamicQuantizer(nn.Module):
    """Rounds to uint8 on the range that the values have, zero among them (DynamicQuantizeLinear, opset 11)."""

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, of the same shape."""
        low, high = x.detach().amin().clamp(max=0), x.detach().amax().clamp(min=0)
        scale = (high - low) / 255
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        zero = torch.round(-low / scale).clamp(0, 255)
        return fake_quantize(x, scale, zero, 0, 255)
