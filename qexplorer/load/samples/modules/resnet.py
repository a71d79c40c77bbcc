"""Residual networks (He et al. 2016) as torch modules, with the names of torchvision's and timm's weights."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ResNet"]


class _Residual(nn.Module):
    """Convolutions around which their input goes; ``wide`` is the number of channels that come out."""

    downsample: nn.Module

    def around(self, given: int, wide: int, stride: int) -> None:
        """Adds the way around: nothing, or a 1 x 1 convolution where the shape changes."""
        changes = stride != 1 or given != wide
        path = (nn.Conv2d(given, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))
        self.downsample = nn.Sequential(*path) if changes else nn.Identity()


class _Basic(_Residual):
    """Two 3 x 3 convolutions."""

    expansion = 1

    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(given, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.around(given, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, given, h, w) to (n, width, h / stride, w / stride)."""
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        result: Tensor = self.relu(inner + self.downsample(x))
        return result


class _Bottleneck(_Residual):
    """1 x 1, 3 x 3 and 1 x 1 convolutions; the middle one has the stride."""

    expansion = 4

    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        wide = width * self.expansion
        self.conv1, self.bn1 = nn.Conv2d(given, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.relu = nn.ReLU()
        self.around(given, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, given, h, w) to (n, 4 * width, h / stride, w / stride)."""
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(inner)))))
        result: Tensor = self.relu(inner + self.downsample(x))
        return result


class ResNet(nn.Module):
    """(n, 3, 224, 224) to logits.

    Args:
        blocks: how many of each stage, four numbers.
        bottleneck: blocks of three convolutions in place of two.
        classes: how many.
    """

    def __init__(self, blocks: tuple[int, ...], *, bottleneck: bool, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        kind, given = _Bottleneck if bottleneck else _Basic, 64
        for stage, count in enumerate(blocks, 1):
            layers: list[nn.Module] = []
            for block in range(count):
                width = 64 * 2 ** (stage - 1)
                layers.append(kind(given, width, 2 if stage > 1 and block == 0 else 1))
                given = width * kind.expansion
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
        self.stages = len(blocks)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(given, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result
