"""What stands at a weight's rounding point while a block learns: choices that become codes on a grid."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.grid import Float32, Grid, Int32, dequantize, quantize
from qexplorer.quantize.training.rounding.quantizers import GridQuantizer, Learns
from qexplorer.torchgraph.fake_quantize import broadcast_grid

__all__ = ["OffsetRounding", "ScaleChoice", "SoftRounding", "WeightChoice"]

_ZETA, _GAMMA = 1.1, -0.1
"""Stretch of the sigmoid (Louizos et al. 2018, as in Nagel et al. 2020, section 4)."""

_FREE = 0.2
"""Share of the steps before the regularizer begins."""

_BETA = (20.0, 2.0)

_NARROWEST = 0.3
"""Share of a range that stays, at least."""


class WeightChoice(nn.Module):
    """A weight on evenly spaced levels that learns how it is rounded.

    Args:
        values: float32, the weight.
        grid: what it is put on.
        least: its scales stay at or above this, if they move; broadcastable to ``grid.scale``.
    """

    def __init__(self, values: Float32, grid: Grid, least: Float32 | float = 0.0) -> None:
        super().__init__()
        self.values, self.grid = values, grid
        self._least = np.nextafter(np.asarray(least, np.float32), np.float32(np.inf))
        self._held: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The weight as the layer reads it; ``x`` has its float values."""
        return self.learned(x) if self._held is None else self._held

    def hold(self, codes: Int32, grid: Grid) -> None:
        """Gives what ``codes`` stand for until :meth:`release`."""
        self._held = torch.from_numpy(dequantize(codes, grid))

    def release(self) -> None:
        """Gives what is learned again."""
        self._held = None

    def learned(self, x: Tensor) -> Tensor:
        """The weight with the gradients of what learns; here nothing does."""
        del x
        return torch.from_numpy(dequantize(*self.nearest()))

    def pull(self, share: float) -> Tensor:
        """What is added to the loss after ``share`` of the steps: a mean over the weight."""
        del share
        return torch.zeros(())

    def settled(self) -> tuple[Int32, Grid]:
        """Codes and grid as they are now."""
        return self.nearest()

    def nearest(self) -> tuple[Int32, Grid]:
        """Codes rounded to nearest on the grid that it began with."""
        return quantize(self.values, self.grid), self.grid


class SoftRounding(WeightChoice):
    """Up or down, with a choice between both while it learns: ``s (floor(w / s) + h(V))``.

    The rectified sigmoid ``h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1)`` is driven to 0 or 1 by
    ``1 - |2 h(V) - 1|^beta`` (Nagel et al. 2020, equations 21 to 24), of which :meth:`pull` gives the mean.
    """

    def __init__(self, values: Float32, grid: Grid, least: Float32 | float = 0.0) -> None:
        super().__init__(values, grid, least)
        scale, zero = (np.broadcast_to(each, values.shape) for each in grid.expanded(values.shape))
        self._zero = np.array(zero, np.int32)
        self._scale, self._low, self._high = (
            torch.from_numpy(np.array(each, np.float32)) for each in (scale, grid.qmin - zero, grid.qmax - zero)
        )
        steps = torch.from_numpy(np.array(values / scale, np.float32))
        self._below = torch.floor(steps)
        start = ((steps - self._below - _GAMMA) / (_ZETA - _GAMMA)).clamp(1e-4, 1 - 1e-4)
        self.choice = nn.Parameter(torch.log(start / (1 - start)))

    def _up(self) -> Tensor:
        return (torch.sigmoid(self.choice) * (_ZETA - _GAMMA) + _GAMMA).clamp(0, 1)

    def learned(self, x: Tensor) -> Tensor:
        """Between the two levels next to each value."""
        del x
        return torch.minimum(torch.maximum(self._below + self._up(), self._low), self._high) * self._scale

    def pull(self, share: float) -> Tensor:
        """Mean of ``1 - |2 h - 1|^beta``; ``beta`` falls along half a cosine once a fifth of the steps is over."""
        if share < _FREE:
            return torch.zeros(())
        done = (share - _FREE) / (1 - _FREE)
        beta = _BETA[1] + (_BETA[0] - _BETA[1]) * 0.5 * (1 + math.cos(math.pi * done))
        return (1 - (2 * self._up() - 1).abs() ** beta).mean()

    def settled(self) -> tuple[Int32, Grid]:
        """Each the code below or above its value."""
        with torch.no_grad():
            level = self._below + (self._up() >= 0.5)
            level = torch.minimum(torch.maximum(level, self._low), self._high)
        return (level.numpy() + self._zero).astype(np.int32), self.grid


class OffsetRounding(WeightChoice):
    """An offset for each weight before it is rounded, and a narrower range for each scale.

    ``w~ = s (clip(round(w / s + V) + z, qmin, qmax) - z)`` with ``V`` between -1/2 and 1/2 and ``s`` and ``z`` those of
    the range ``[beta low, alpha high]`` (Cheng et al. 2023, equations 3 and 4). Rounding is passed straight through. A
    grid without zero points has one factor for both ends.

    Args:
        values: float32, the weight.
        grid: what it is put on.
        least: its scales stay at or above this; broadcastable to ``grid.scale``.
        ranges: whether ranges learn along.
    """

    def __init__(self, values: Float32, grid: Grid, least: Float32 | float = 0.0, *, ranges: bool = True) -> None:
        super().__init__(values, grid, least)
        self.offset = nn.Parameter(torch.zeros(values.shape))
        count = 2 if grid.is_asymmetric else 1
        self.ends = nn.Parameter(torch.ones((count, *grid.scale.shape))) if ranges else None
        self._low, self._high = (torch.from_numpy(np.array(each, np.float32)) for each in (grid.low, grid.high))
        self._first = [torch.from_numpy(np.array(each, np.float32)) for each in (grid.scale, grid.zero_point)]

    def _now(self) -> tuple[Tensor, Tensor]:
        """Scale and zero point as they are now, with gradients."""
        scale, zero = self._first
        if self.ends is None:
            return scale, zero
        ends = self.ends.clamp(_NARROWEST, 1)
        least = torch.from_numpy(np.array(np.broadcast_to(self._least, scale.shape)))
        if len(ends) == 1:
            return torch.maximum(scale * ends[0], least), zero
        low, high = self._low * ends[0], self._high * ends[1]
        span = self.grid.qmax - self.grid.qmin
        scale = torch.maximum((high - low) / span, least)
        zero = (self.grid.qmin - low / scale).clamp(self.grid.qmin, self.grid.qmax)
        return scale, zero + (torch.round(zero) - zero).detach()

    def learned(self, x: Tensor) -> Tensor:
        """Rounded, with the straight-through gradient."""
        axis, block = self.grid.axis or 0, self.grid.block or 0
        scale, zero = (broadcast_grid(each, x.shape, axis, block) for each in self._now())
        steps = x / scale + self.offset.clamp(-0.5, 0.5)
        codes = steps + (torch.round(steps) - steps).detach() + zero
        found: Tensor = (codes.clamp(self.grid.qmin, self.grid.qmax) - zero) * scale
        return found

    def settled(self) -> tuple[Int32, Grid]:
        """Codes by the offsets, on the grid of the ranges."""
        with torch.no_grad():
            scale, zero = (each.numpy() for each in self._now())
            offset = self.offset.clamp(-0.5, 0.5).numpy()
        shape = self.grid.scale.shape
        grid = replace(
            self.grid, scale=scale.astype(np.float32).reshape(shape), zero_point=zero.astype(np.int32).reshape(shape)
        )
        wide, at = grid.expanded(self.values.shape)
        codes = np.rint(self.values / wide + offset) + at
        return np.clip(codes, grid.qmin, grid.qmax).astype(np.int32), grid


class ScaleChoice(WeightChoice):
    """Rounded to nearest, on a grid whose scales learn (Esser et al. 2020, LSQ, equation 3); the weight stays."""

    def __init__(self, values: Float32, grid: Grid, least: Float32 | float = 0.0) -> None:
        super().__init__(values, grid, least)
        self.quantizer = GridQuantizer(grid, learns=Learns())

    def learned(self, x: Tensor) -> Tensor:
        """On the grid as it is now."""
        found: Tensor = self.quantizer(x)
        return found

    def settled(self) -> tuple[Int32, Grid]:
        """Nearest codes on the grid as it is now."""
        found = self.quantizer.grid()
        grid = replace(found, scale=np.asarray(np.maximum(found.scale, self._least), np.float32))
        return quantize(self.values, grid), grid
