"""Rounding that learns to levels which are not evenly spaced: NF4, FP8, powers of two, binary and ternary weights.

Levels stay where their format has them; the scale that puts them over the weight learns in the logarithm, as that of an
even grid does. Inside the outermost levels the gradient passes, outside it stops. With two or three levels it passes
everywhere (see ``torchgraph.fake_quantize``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qexplorer.core.grid import Grid
from qexplorer.quantize.training.rounding.quantizers import FIXED, Learns, power_of_two
from qexplorer.torchgraph.fake_quantize import broadcast_grid, to_levels

__all__ = ["LevelQuantizer"]

_FEW = 3
"""Levels of a format whose gradient passes everywhere, at most."""


class LevelQuantizer(nn.Module):
    """Rounds a weight or an activation to the levels of a table.

    Args:
        grid: where it starts; its format has a table.
        learns: whether the scale learns, and whether it stays a power of two. It does not where the format chooses it.
        like: one whose scale this one shares, whatever else is said.

    Attributes:
        first_grid: the grid as it was.
    """

    def __init__(self, grid: Grid, *, learns: Learns = FIXED, like: LevelQuantizer | None = None) -> None:
        super().__init__()
        levels, borders = _levels(grid)
        self.first_grid: Grid = grid
        self._power: bool = learns.power if like is None else like._power
        self._everywhere = levels.shape[-1] <= _FEW
        self.register_buffer("levels", torch.from_numpy(levels.copy()), persistent=False)
        self.register_buffer("borders", torch.from_numpy(borders.copy()), persistent=False)
        self.register_buffer("first_scale", torch.from_numpy(np.array(grid.scale, np.float32)))
        free = learns.scale and grid.format.free_scale
        self.log_scale = nn.Parameter(torch.zeros(grid.scale.shape)) if free else None
        if like is not None:
            self.log_scale = like.log_scale

    @property
    def scale(self) -> Tensor:
        """The scale as it is now, in the shape of the grid's."""
        scale: Tensor = self.first_scale  # type: ignore[assignment]
        scale = scale if self.log_scale is None else scale * torch.exp(self.log_scale)
        return power_of_two(scale) if self._power else scale

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, of the same shape."""
        levels: Tensor = self.levels  # type: ignore[assignment]
        borders: Tensor = self.borders  # type: ignore[assignment]
        axis = self.first_grid.axis or 0
        return to_levels(x, self._spread(x), levels, borders, everywhere=self._everywhere, axis=axis)

    def _spread(self, x: Tensor) -> Tensor:
        return broadcast_grid(self.scale, x.shape, self.first_grid.axis or 0, self.first_grid.block or 0)

    def steps_of(self, x: Tensor) -> Tensor:
        """The distance of the two levels around each value of ``x``, in its shape, without gradient."""
        levels: Tensor = self.levels  # type: ignore[assignment]
        with torch.no_grad():
            scale, axis = self._spread(x), self.first_grid.axis or 0
            levels = levels.reshape(-1, levels.shape[-1])
            rows = (x / scale).movedim(axis, 0)
            flat = rows.reshape(len(levels), -1).contiguous()
            last = (levels[:, 1:] > levels[:, :-1]).sum(1, keepdim=True)  # of a channel with fewer it is repeated
            upper = torch.minimum(torch.searchsorted(levels, flat).clamp(min=1), last)
            steps = levels.gather(1, upper) - levels.gather(1, upper - 1)
            return steps.reshape(rows.shape).movedim(0, axis) * scale

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
        return replace(self.first_grid, scale=self.scale.detach().cpu().numpy().astype(np.float32))


def _levels(grid: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Levels and borders at scale 1: those of the codes that the grid uses, or of each channel."""
    if grid.own is not None:
        return grid.own.levels, grid.own.borders
    table = grid.format.table
    assert table is not None, "the format lists its levels"
    first, last = np.flatnonzero(np.isin(table.codes, grid.codes()))[[0, -1]]
    return table.levels[first : last + 1], table.borders[first:last]
