"""What small networks learn from: pictures that there are, moved and blended, each with a trained network's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.quantize.changes.threads import one_thread

if TYPE_CHECKING:
    import torch

__all__ = ["SEEN_ROUNDED", "Taught", "taught"]

SEEN_ROUNDED = 2048
"""Pictures of these that ranges are found on and that training with rounding sees: the first."""

_AT_ONCE = 256
_TURN, _STRETCH, _SLANT, _SHIFT, _NOISE = 0.2, 0.15, 0.2, 0.12, 0.02  # radians, shares, half pictures, deviation
_BLENDED, _MOST = 0.5, 0.5  # share of pictures that are laid over another, and the other's weight at most


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Pictures with answers; any beginning of them is like the whole.

    Attributes:
        pictures: float16 ``(n, channels, h, w)``.
        answers: the teacher's logits, float32 ``(n, classes)``.
    """

    pictures: Array
    answers: Array


def taught(
    pictures: Array, teacher: Path, count: int, seed: int, told: Callable[[float], None] = lambda _share: None
) -> Taught:
    """Draws ``count`` pictures from those that there are, and asks the teacher about each.

    A few hundred pictures with their labels teach a network little; what a trained one says of many pictures between
    and around them teaches it that network's function, if both see the very same pictures (Beyer et al. 2022,
    "Knowledge distillation: a good teacher is patient and consistent", section 3). Each is turned, stretched, slanted
    and shifted, its edge continued outwards; half of them are laid over another (mixup: Zhang et al. 2018).

    Args:
        pictures: ``(n, channels, h, w)``.
        teacher: path of a float network from pictures to logits.
        count: how many to draw.
        seed: of the draws.
        told: called with the share that is done.
    """
    import torch

    from qexplorer.torchgraph.executor import GraphModule

    generator = torch.Generator().manual_seed(seed)
    network, given = GraphModule(teacher).eval(), torch.tensor(np.asarray(pictures, np.float32))
    found: list[Array] = []
    answers: list[Array] = []
    with one_thread(), torch.no_grad():
        for start in range(0, count, _AT_ONCE):
            drawn = _drawn(given, min(_AT_ONCE, count - start), generator).half()
            found.append(drawn.numpy())
            answers.append(network(drawn.float())[0].numpy())
            told(min((start + _AT_ONCE) / count, 1.0))
    return Taught(np.concatenate(found), np.concatenate(answers))


def _drawn(given: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    import torch

    def some() -> torch.Tensor:
        return _moved(given[torch.randint(len(given), (count,), generator=generator)], generator)

    share = torch.rand(count, 1, 1, 1, generator=generator) * _MOST
    share *= torch.rand(count, 1, 1, 1, generator=generator) < _BLENDED
    mixed = some() * (1 - share) + some() * share
    return mixed + _NOISE * torch.randn(mixed.shape, generator=generator)


def _moved(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A little turned, stretched in each direction, slanted and shifted."""
    import torch
    from torch.nn import functional

    r = torch.rand(6, len(pictures), generator=generator) * 2 - 1
    cos, sin = torch.cos(r[0] * _TURN), torch.sin(r[0] * _TURN)
    wide, high, slant = 1 + r[1] * _STRETCH, 1 + r[2] * _STRETCH, r[3] * _SLANT
    across = [cos * wide, (slant * cos - sin) * high, r[4] * _SHIFT]
    down = [sin * wide, (slant * sin + cos) * high, r[5] * _SHIFT]
    rows = torch.stack([*across, *down], 1).view(-1, 2, 3)
    grid = functional.affine_grid(rows, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
