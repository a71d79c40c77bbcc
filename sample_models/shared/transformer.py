"""Blocks of a transformer that are normalized before each layer, with a module, and so a name, for every operator."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["Block"]


class _Product(nn.Module):
    """A matrix product of two activations."""

    def forward(self, one: Tensor, two: Tensor) -> Tensor:
        """``one @ two``."""
        return one @ two


class _Scale(nn.Module):
    """A constant factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """``x`` times the factor."""
        return x * self.factor


class _Mask(nn.Module):
    """Adds a constant of shape (tokens, tokens) that leaves each token only itself and those before it."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.hidden: Tensor
        self.register_buffer("hidden", torch.full((tokens, tokens), -1e4).triu(1))

    def forward(self, scores: Tensor) -> Tensor:
        """What may not be seen is so low that softmax makes it 0."""
        return scores + self.hidden


class Attention(nn.Module):
    """Scaled dot products in ``heads`` heads; ``causal`` for a fixed number of tokens that see only what was before."""

    def __init__(self, width: int, heads: int, *, causal: int | None, bias: bool) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width, bias=bias) for _ in range(3))
        self.scale, self.scores = _Scale(1 / math.sqrt(width // heads)), _Product()
        self.mask = nn.Identity() if causal is None else _Mask(causal)
        self.softmax, self.mixed = nn.Softmax(-1), _Product()
        self.together, self.heads = nn.Linear(width, width, bias=bias), heads

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) in and out."""
        tokens, width = x.shape[1:]
        shape = (-1, tokens, self.heads, width // self.heads)
        query, key, value = (layer(x).reshape(shape).transpose(1, 2) for layer in (self.query, self.key, self.value))
        weights = self.softmax(self.mask(self.scores(self.scale(query), key.transpose(2, 3))))
        result: Tensor = self.together(self.mixed(weights, value).transpose(1, 2).reshape(-1, tokens, width))
        return result


class Block(nn.Module):
    """Attention, then two layers with GELU between; each is added to its input (Xiong et al. 2020, figure 1b)."""

    def __init__(
        self, width: int, heads: int, *, causal: int | None = None, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width, bias=bias), Attention(width, heads, causal=causal, bias=bias)
        self.norm2, self.up = nn.LayerNorm(width, bias=bias), nn.Linear(width, 4 * width, bias=bias)
        self.gelu, self.down = nn.GELU(), nn.Linear(4 * width, width, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) in and out."""
        x = x + self.dropout(self.attention(self.norm1(x)))
        result: Tensor = x + self.dropout(self.down(self.gelu(self.up(self.norm2(x)))))
        return result
