"""Residual networks (He et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qexplorer.load.samples.architectures.protocol import BRANCH_GAIN, Architecture
from qexplorer.load.samples.graph_builder import GraphBuilder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ENTRIES"]


def _stem(graph: GraphBuilder, image: str) -> str:
    """7 x 7 convolution and pooling of a residual network: 224 x 224 x 3 to 56 x 56 x 64."""
    x = graph.relu("relu1", graph.conv("conv1", image, 3, 64, 7, stride=2))
    return graph.max_pool("maxpool", x)


def _resnet18(graph: GraphBuilder, image: str) -> tuple[str, int]:
    x, given = _stem(graph, image), 64
    for stage, wanted in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = graph.relu(f"{name}.relu1", graph.conv(f"{name}.conv1", x, given, wanted, 3, stride=stride))
            inner = graph.conv(f"{name}.conv2", inner, wanted, wanted, 3, gain=BRANCH_GAIN)
            x = _joined(graph, name, x, inner, given, wanted, stride)
            given = wanted
    return x, given


def _resnet50(graph: GraphBuilder, image: str) -> tuple[str, int]:
    x, given = _stem(graph, image), 64
    for stage, (narrow, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
        for block in range(blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = graph.relu(f"{name}.relu1", graph.conv(f"{name}.conv1", x, given, narrow, 1))
            inner = graph.conv(f"{name}.conv2", inner, narrow, narrow, 3, stride=stride)
            inner = graph.conv(
                f"{name}.conv3", graph.relu(f"{name}.relu2", inner), narrow, narrow * 4, 1, gain=BRANCH_GAIN
            )
            x = _joined(graph, name, x, inner, given, narrow * 4, stride)
            given = narrow * 4
    return x, given


def _joined(graph: GraphBuilder, name: str, x: str, inner: str, given: int, wanted: int, stride: int) -> str:
    """The end of a residual block: its branch added to the way around it, then ReLU."""
    around = x
    if given != wanted or stride != 1:
        around = graph.conv(f"{name}.downsample", x, given, wanted, 1, stride=stride, gain=1.0)
    return graph.relu(f"{name}.relu", graph.add(f"{name}.add", inner, around))


def _module(blocks: tuple[int, ...], *, bottleneck: bool) -> Callable[[int], nn.Module]:
    def build(classes: int) -> nn.Module:
        from qexplorer.load.samples.modules.resnet import ResNet

        return ResNet(blocks, bottleneck=bottleneck, classes=classes)

    return build


ENTRIES = (
    Architecture(
        "resnet18",
        "ResNet-18",
        "He et al. 2016, 18 layers, 224 x 224.",
        11_684_712,
        1_814_073_344,
        _resnet18,
        rank=0,
        module=_module((2, 2, 2, 2), bottleneck=False),
    ),
    Architecture(
        "resnet50",
        "ResNet-50",
        "He et al. 2016, 50 layers, 224 x 224.",
        25_530_472,
        4_089_184_256,
        _resnet50,
        rank=10,
        module=_module((3, 4, 6, 3), bottleneck=True),
    ),
)
