"""MobileNetV2 (Sandler et al. 2018) as a torch module, with the names of torchvision's weights."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["MobileNetV2"]

_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""(expansion, channels, repeats, stride of the first): table 2 of the paper."""


def _unit(given: int, wanted: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU6."""
    conv = nn.Conv2d(given, wanted, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(wanted), nn.ReLU6())


class _InvertedResidual(nn.Module):
    """Expand, depthwise, project; added to its input where the shape stays."""

    def __init__(self, given: int, wanted: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = given * expansion
        first = [_unit(given, wide, 1)] if expansion != 1 else []
        last = (nn.Conv2d(wide, wanted, 1, bias=False), nn.BatchNorm2d(wanted))
        self.conv = nn.Sequential(*first, _unit(wide, wide, 3, stride, groups=wide), *last)
        self.stays = stride == 1 and given == wanted

    def forward(self, x: Tensor) -> Tensor:
        """(n, given, h, w) to (n, wanted, h / stride, w / stride)."""
        inner: Tensor = self.conv(x)
        return x + inner if self.stays else inner


class MobileNetV2(nn.Module):
    """(n, 3, 224, 224) to ``classes`` logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, 32, 3, 2)]
        given = 32
        for expansion, wanted, repeats, first_stride in _STAGES:
            for repeat in range(repeats):
                layers.append(_InvertedResidual(given, wanted, expansion, first_stride if repeat == 0 else 1))
                given = wanted
        self.features = nn.Sequential(*layers, _unit(given, 1280, 1))
        self.pool, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        result: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return result
