"""One block of a transformer and a classifier on the mean of its tokens."""

from __future__ import annotations

import torch
from torch import nn


class SmallTransformer(nn.Module):
    """Tokens ``(n, tokens, width)`` in, ten classes out; two heads. The mean keeps its axis until it is flattened."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.together = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.classifier = nn.Linear(width, 10)

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        """Two heads of scaled dot products."""
        n, tokens, width = x.shape
        parts = self.query_key_value(x).chunk(3, -1)
        query, key, value = (part.reshape(n, tokens, 2, width // 2).transpose(1, 2) for part in parts)
        weights = ((query @ key.transpose(-1, -2)) * (width // 2) ** -0.5).softmax(-1)
        mixed: torch.Tensor = self.together((weights @ value).transpose(1, 2).reshape(n, tokens, width))
        return mixed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of the classes."""
        x = x + self.attention(self.first(x))
        x = x + self.down(nn.functional.gelu(self.up(self.second(x))))
        scores: torch.Tensor = self.classifier(x.mean(1, keepdim=True).flatten(1))
        return scores
