"""The network: inverted residuals with linear bottlenecks, as in MobileNetV2 (Sandler et al. 2018)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

__all__ = ["GlyphsMobilenet", "InvertedResidual"]

_STAGES = ((1, 8, 1, 1), (4, 12, 2, 2), (4, 16, 3, 2), (4, 24, 2, 1))
"""(expansion, channels, repeats, stride of the first) of each stage."""


def _unit(given: int, wanted: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU6."""
    conv = nn.Conv2d(given, wanted, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(wanted), relu=nn.ReLU6()))


class InvertedResidual(nn.Module):
    """Expand (1x1), filter each channel (3x3 depthwise), project (1x1); added to its input where shapes agree."""

    def __init__(self, given: int, wanted: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = given * expansion
        self.expand = _unit(given, wide, 1) if expansion != 1 else nn.Identity()
        self.depthwise = _unit(wide, wide, 3, stride, groups=wide)
        self.project = nn.Conv2d(wide, wanted, 1, bias=False)
        self.norm = nn.BatchNorm2d(wanted)
        self.stays = stride == 1 and given == wanted

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, given, h, w) to (n, wanted, h / stride, w / stride)."""
        inner: torch.Tensor = self.norm(self.project(self.depthwise(self.expand(x))))
        return inner + x if self.stays else inner


class GlyphsMobilenet(nn.Module):
    """(n, 1, 32, 32) to ``classes`` logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = _unit(1, 8, 3, 2)
        given = 8
        blocks: list[nn.Module] = []
        for expansion, wanted, repeats, first_stride in _STAGES:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(given, wanted, expansion, first_stride if repeat == 0 else 1))
                given = wanted
        self.block = nn.Sequential(*blocks)
        self.head = _unit(given, 128, 1)
        self.pool, self.flatten, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        result: torch.Tensor = self.classifier(self.flatten(self.pool(self.head(self.block(self.stem(x))))))
        return result
