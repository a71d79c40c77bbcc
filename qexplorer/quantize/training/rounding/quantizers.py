"""What stands at a rounding point in training: rounding with the straight-through gradient, and a scale that may learn.

The scale is learned as ``scale = s0 exp(v)``: it stays positive, and one step of an optimizer moves it by the same
share whatever its size (Jain et al. 2020, Trained quantization thresholds, section 3.2, in their words the log domain).
Its gradient is that of learned step sizes (Esser et al. 2020, LSQ, equation 3), times the scale by the chain rule. What
else may learn is said by ``Learns``:

- ``power``: the scale is rounded to a power of two in every run, with a straight-through gradient (Jain et al. 2020,
  section 3.1; to the nearest one, where they take the next above).
- ``ends``: of a grid with a zero point, both ends of the range learn, ``scale = (high - low) / (qmax - qmin)`` and
  ``zero = round(qmin - low / scale)``. Beyond an end the gradient is that end's alone, as in TensorFlow's
  ``FakeQuantWithMinMaxVars``; inside it is that of the scale.
- ``zero``: the zero point learns beside the scale (Bhalgat et al. 2020, LSQ+, equations 3 to 5): it is rounded to a
  code in every run, and has the gradient ``-scale`` where the value lies outside the grid and 0 inside.

A grid can be made finer for a while: each step is cut into ``finer`` parts between the same ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.grid import Float32, Grid
from qexplorer.torchgraph.fake_quantize import broadcast_grid, fake_quantize
from qexplorer.torchgraph.learned_rounding import learned_rounding

__all__ = ["FIXED", "BiasQuantizer", "DynamicQuantizer", "FixedValues", "GridQuantizer", "Learns", "power_of_two"]


@dataclass(frozen=True, slots=True)
class Learns:
    """What learns of a grid; see the module's text.

    Attributes:
        scale: the scale, or what it is made from.
        zero: the zero point beside it.
        ends: both ends in place of scale and zero point.
        power: the scale stays a power of two.
    """

    scale: bool = True
    zero: bool = False
    ends: bool = False
    power: bool = False


FIXED = Learns(scale=False)
"""Nothing does."""


class GridQuantizer(nn.Module):
    """Rounds to a grid of evenly spaced levels.

    Args:
        grid: where it starts.
        learns: what learns of it.
        like: one whose scale and zero point this one shares, whatever else is said.

    Attributes:
        first_grid: the grid as it was.
        finer: parts into which each step is cut; 1 is the grid itself.
    """

    def __init__(self, grid: Grid, *, learns: Learns = FIXED, like: GridQuantizer | None = None) -> None:
        super().__init__()
        self.first_grid = grid
        self._power: bool = learns.power if like is None else like._power
        self.finer = 1
        zeros = np.unique(grid.zero_point)
        self._zero = float(zeros[0]) if zeros.size == 1 else None
        self.register_buffer("first_scale", torch.from_numpy(np.array(grid.scale, np.float32)))
        self.register_buffer("first_zero", torch.from_numpy(np.array(grid.zero_point, np.float32)))
        shape, ends = grid.scale.shape, learns.scale and learns.ends
        self.log_scale = nn.Parameter(torch.zeros(shape)) if learns.scale and not ends else None
        self.zero_steps = nn.Parameter(torch.zeros(shape)) if learns.zero and not ends else None
        self.moved_ends = nn.Parameter(torch.zeros(2, *shape)) if ends else None
        if like is not None:
            self.log_scale, self.zero_steps, self.moved_ends = like.log_scale, like.zero_steps, like.moved_ends

    @property
    def scale(self) -> Tensor:
        """The scale as it is now, in the shape of the grid's."""
        scale: Tensor = self.first_scale  # type: ignore[assignment]
        if self.moved_ends is not None:
            low, high = self._ends()
            scale = (high - low) / (self.first_grid.qmax - self.first_grid.qmin)
        elif self.log_scale is not None:
            scale = scale * torch.exp(self.log_scale)
        return power_of_two(scale) if self._power else scale

    @property
    def zero(self) -> Tensor:
        """The zero point as it is now, a whole number within the grid, with a straight-through gradient."""
        zero: Tensor = self.first_zero  # type: ignore[assignment]
        if self.moved_ends is not None:
            zero = self.first_grid.qmin - self._ends()[0] / self.scale
        elif self.zero_steps is not None:
            zero = zero + self.zero_steps
        else:
            return zero
        moved = zero.clamp(self.first_grid.qmin, self.first_grid.qmax)
        return moved + (torch.round(moved) - moved).detach()

    def _ends(self) -> tuple[Tensor, Tensor]:
        """Both ends of the range; they move in units of its first width, and zero stays between them."""
        assert self.moved_ends is not None, "it is asked for where ends learn"
        first: Tensor = self.first_scale  # type: ignore[assignment]
        zero: Tensor = self.first_zero  # type: ignore[assignment]
        low, high = ((end - zero) * first for end in (self.first_grid.qmin, self.first_grid.qmax))
        width = high - low
        low, high = low + width * self.moved_ends[0], high + width * self.moved_ends[1]
        return low.clamp(max=0.0), torch.maximum(high.clamp(min=0.0), low.clamp(max=0.0) + 1e-3 * width)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, of the same shape."""
        quick = self._quick(x) if torch.is_grad_enabled() else None
        return self._rounded(x) if quick is None else quick

    def _quick(self, x: Tensor) -> Tensor | None:
        """By the form for plain grids that learn, where this is one."""
        grid, plain = self.first_grid, self.moved_ends is None and self.zero_steps is None and not self._power
        if not plain or grid.block or self.finer != 1 or self._zero is None:
            return None
        first: Tensor = self.first_scale  # type: ignore[assignment]
        return learned_rounding(x, first, self.log_scale, self._zero, (grid.qmin, grid.qmax), grid.axis or 0)

    def _rounded(self, x: Tensor) -> Tensor:
        grid, finer = self.first_grid, self.finer
        axis, block = grid.axis or 0, grid.block or 0
        scale = broadcast_grid(self.scale, x.shape, axis, block)
        zero = broadcast_grid(self.zero, x.shape, axis, block)
        if finer != 1:
            return fake_quantize(x, scale / finer, zero.detach() * finer, grid.qmin * finer, grid.qmax * finer)
        found = fake_quantize(x, scale, zero.detach(), grid.qmin, grid.qmax)
        if not zero.requires_grad or not torch.is_grad_enabled():
            return found
        outside = ((x < (grid.qmin - zero) * scale) | (x > (grid.qmax - zero) * scale)).to(x.dtype)
        return found - outside * scale.detach() * (zero - zero.detach())

    def steps_of(self, x: Tensor) -> Tensor:
        """The step around each value of ``x``, broadcastable against it, without gradient."""
        return (
            broadcast_grid(self.scale.detach(), x.shape, self.first_grid.axis or 0, self.first_grid.block or 0)
            / self.finer
        )

    def ratio(self) -> float:
        """The scale as a multiple of that at the start, the geometric mean where there are several."""
        first: Tensor = self.first_scale  # type: ignore[assignment]
        return float(torch.exp(torch.log(self.scale.detach() / first).mean()))

    def scaled_by(self, factor: Tensor) -> None:
        """Makes the scale ``factor`` times as large, in the shape of the grid's, where it learns."""
        if self.log_scale is not None:
            with torch.no_grad():
                self.log_scale.add_(torch.log(factor))

    def grid(self) -> Grid:
        """The grid as it is now."""
        scale = self.scale.detach().cpu().numpy().astype(np.float32)
        zero = self.zero.detach().cpu().numpy().astype(np.int32)
        return replace(self.first_grid, scale=scale, zero_point=zero)


def power_of_two(scale: Tensor) -> Tensor:
    """The nearest power of two in the logarithm, with the gradient of ``scale`` times what rounding changed."""
    with torch.no_grad():
        factor = torch.exp2(torch.round(torch.log2(scale))) / scale
    return scale * factor


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


class BiasQuantizer(nn.Module):
    """Rounds an int32 bias to the product of its layer's two scales, as they are now.

    With 8 bits that is finer than anything that counts; with 4 by 4 bits it is not. The gradient passes.

    Args:
        activation: what rounds the layer's input, with one scale.
        weight: what rounds its weight, with one scale or one a channel.
    """

    def __init__(self, activation: GridQuantizer, weight: GridQuantizer) -> None:
        super().__init__()
        self._scales = (activation, weight)  # in a tuple: their parameters are those of other points

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, of the same shape."""
        with torch.no_grad():
            scale = self._scales[0].scale.reshape(()) * self._scales[1].scale
            scale = scale.reshape(()) if scale.numel() == 1 else scale.reshape(x.shape)
            off = torch.round(x / scale) * scale - x
        return x + off
