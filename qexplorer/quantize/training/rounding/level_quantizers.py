"""Rounding that learns to levels which are not evenly spaced: NF4, FP8, binary and ternary weights.

Levels stay where their format has them; the scale that puts them over the weight learns in the logarithm, as that of an
even grid does. Inside the outermost levels the gradient passes, outside it stops. With two or three levels it passes
everywhere (see ``torchgraph.fake_quantize``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from qexplorer.core.grid import Grid
from qexplorer.quantize.training.rounding.quantizers import FIXED, Learns, power_of_two
from qexplorer.torchgraph.fake_quantize import broadcast_grid, to_levels

__all__ = ["LevelQuantizer"]

_FEW = 3
"""Levels of a format whose gradient passes everywhere, at most."""


class LevelQuantizer(nn.Module):
    """Rounds a weight to the levels of a table.

    Args:
        grid: where it starts; its format has a table.
        learns: whether the scale learns, and whether it stays a power of two.

    Attributes:
        first_grid: the grid as it was.
    """

    def __init__(self, grid: Grid, *, learns: Learns = FIXED) -> None:
        super().__init__()
        table = grid.format.table
        assert table is not None, "the format lists its levels"
        self.first_grid, self._power = grid, learns.power
        self._everywhere = table.levels.size <= _FEW
        used = np.isin(table.codes, grid.codes())
        first, last = np.flatnonzero(used)[[0, -1]]
        self.register_buffer("levels", torch.from_numpy(table.levels[first : last + 1].copy()), persistent=False)
        self.register_buffer("borders", torch.from_numpy(table.borders[first:last].copy()), persistent=False)
        self.register_buffer("first_scale", torch.from_numpy(np.array(grid.scale, np.float32)))
        self.log_scale = nn.Parameter(torch.zeros(grid.scale.shape)) if learns.scale else None

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
        return to_levels(x, self._spread(x), levels, borders, everywhere=self._everywhere)

    def _spread(self, x: Tensor) -> Tensor:
        return broadcast_grid(self.scale, x.shape, self.first_grid.axis or 0, self.first_grid.block or 0)

    def steps_of(self, x: Tensor) -> Tensor:
        """The distance of the two levels around each value of ``x``, in its shape, without gradient."""
        levels: Tensor = self.levels  # type: ignore[assignment]
        with torch.no_grad():
            scale = self._spread(x)
            upper = torch.bucketize(x / scale, levels).clamp(1, len(levels) - 1)
            return (levels[upper] - levels[upper - 1]) * scale

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
