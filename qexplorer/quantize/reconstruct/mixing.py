"""What stands at an activation's rounding point while a block learns: some values are rounded, others are not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qexplorer.core.grid import Grid
from qexplorer.quantize.training.rounding.placing import LearningQuantizer

__all__ = ["MixedRounding", "mixed"]


class MixedRounding(nn.Module):
    """Rounds, or leaves each value as it is by chance (Wei et al. 2022, QDrop, section 4.2).

    Args:
        quantizer: what rounds.
        bounds: of a Relu or Clip whose place the grid takes, which values that are not rounded need.
        drop: share of the values that are not rounded while :attr:`mixing`.
        generator: of the chance.
    """

    def __init__(
        self, quantizer: LearningQuantizer, bounds: tuple[float, float], drop: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.quantizer, self.mixing = quantizer, False
        self.bounds, self._drop, self._generator = bounds, drop, generator

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded, all of it or in part."""
        found: Tensor = self.quantizer(x)
        if not self.mixing or not self._drop:
            return found
        return mixed(found, x.clamp(*self.bounds), self._drop, self._generator)

    @property
    def log_scale(self) -> nn.Parameter | None:
        """What learns of its scale."""
        return self.quantizer.log_scale

    def grid(self) -> Grid:
        """The grid as it is now."""
        return self.quantizer.grid()


def mixed(rounded: Tensor, real: Tensor, drop: float, generator: torch.Generator) -> Tensor:
    """Values of ``real`` in a share ``drop`` of the places, of ``rounded`` elsewhere."""
    return torch.where(torch.rand(real.shape, generator=generator) < drop, real, rounded)
