"""The network: a small GPT (Radford et al. 2019), with a table at its start and another layer at its end."""

from __future__ import annotations

import torch
from torch import nn

from sample_models.shared.transformer import Block

__all__ = ["TextLm"]

_WIDTH, _HEADS, _BLOCKS, _DROPOUT = 96, 4, 3, 0.1


class TextLm(nn.Module):
    """(n, tokens) token numbers to (n, tokens, vocabulary) logits of the token after each."""

    def __init__(self, vocabulary: int, tokens: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, _WIDTH)
        self.places = nn.Parameter(torch.randn(tokens, _WIDTH) * 0.02)
        self.block = nn.Sequential(*(Block(_WIDTH, _HEADS, causal=tokens, dropout=_DROPOUT) for _ in range(_BLOCKS)))
        self.norm, self.head = nn.LayerNorm(_WIDTH), nn.Linear(_WIDTH, vocabulary, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits."""
        result: torch.Tensor = self.head(self.norm(self.block(self.words(tokens) + self.places)))
        return result
