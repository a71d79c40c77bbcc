"""The network: depthwise-separable convolutions, as in MobileNet (Howard et al. 2017)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

__all__ = ["FashionDscnn"]

_BLOCKS = ((32, 2), (32, 1), (64, 2), (64, 1))
"""(channels, stride) of each separable convolution."""


def _unit(given: int, wanted: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU."""
    conv = nn.Conv2d(given, wanted, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(wanted), relu=nn.ReLU()))


class FashionDscnn(nn.Module):
    """(n, 1, 28, 28) to ten logits: a stem, four times depthwise 3x3 and pointwise 1x1, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        given = 16
        self.stem = _unit(1, given, 3)
        blocks: list[nn.Module] = []
        for wanted, stride in _BLOCKS:
            parts = {"depthwise": _unit(given, given, 3, stride, groups=given), "pointwise": _unit(given, wanted, 1)}
            blocks.append(nn.Sequential(OrderedDict(parts)))
            given = wanted
        self.block = nn.Sequential(*blocks)
        self.pool, self.flatten, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        result: torch.Tensor = self.classifier(self.flatten(self.pool(self.block(self.stem(x)))))
        return result
