"""The network: a small vision transformer (Dosovitskiy et al. 2021) with a token for the class in front."""

from __future__ import annotations

import torch
from torch import nn

from sample_models.shared.transformer import Block

__all__ = ["DigitsVit"]

_WIDTH, _HEADS, _BLOCKS, _PATCH, _PATCHES = 64, 4, 3, 8, 16


class _Tokens(nn.Module):
    """Patches as tokens, the class's own in front, each with its place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(1, 1, _WIDTH) * 0.02)
        self.places = nn.Parameter(torch.randn(1, 1 + _PATCHES, _WIDTH) * 0.02)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, width, rows, columns) to (n, 1 + rows * columns, width)."""
        rows = patches.flatten(2).transpose(1, 2)
        return torch.cat([self.first.expand(rows.shape[0], -1, -1), rows], 1) + self.places


class _First(nn.Module):
    """The class's token alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) to (n, width)."""
        return x[:, 0]


class DigitsVit(nn.Module):
    """(n, 1, 32, 32) to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.tokens = nn.Conv2d(1, _WIDTH, _PATCH, _PATCH), _Tokens()
        self.block = nn.Sequential(*(Block(_WIDTH, _HEADS) for _ in range(_BLOCKS)))
        self.first, self.norm, self.classifier = _First(), nn.LayerNorm(_WIDTH), nn.Linear(_WIDTH, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, from the class's token."""
        x = self.block(self.tokens(self.patches(x)))
        result: torch.Tensor = self.classifier(self.norm(self.first(x)))
        return result
