"""MobileNetV2 (Sandler et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.load.samples.architectures.protocol import BRANCH_GAIN, Architecture
from qexplorer.load.samples.graph_builder import GraphBuilder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ENTRIES"]


def _mobilenet_v2(graph: GraphBuilder, image: str) -> tuple[str, int]:
    """Table 2 of Sandler et al. 2018: (expansion, channels, repeats, stride of the first)."""
    x, given = graph.relu6("features.0.relu", graph.conv("features.0.conv", image, 3, 32, 3, stride=2)), 32
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    number = 1
    for expansion, wanted, repeats, first_stride in stages:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = _inverted_residual(graph, f"features.{number}", x, given, wanted, expansion, stride)
            given, number = wanted, number + 1
    x = graph.conv(f"features.{number}.conv", x, given, 1280, 1)
    return graph.relu6(f"features.{number}.relu", x), 1280


def _inverted_residual(
    graph: GraphBuilder, name: str, x: str, given: int, wanted: int, expansion: int, stride: int
) -> str:
    """Expand, depthwise, project; added to its input where the shape stays."""
    inner, wide = x, given * expansion
    if expansion != 1:
        inner = graph.relu6(f"{name}.expand.relu", graph.conv(f"{name}.expand", x, given, wide, 1))
    inner = graph.conv(f"{name}.depthwise", inner, wide, wide, 3, stride=stride, groups=wide)
    inner = graph.relu6(f"{name}.depthwise.relu", inner)
    stays = stride == 1 and given == wanted
    inner = graph.conv(f"{name}.project", inner, wide, wanted, 1, gain=BRANCH_GAIN if stays else 1.0)
    return graph.add(f"{name}.add", inner, x) if stays else inner


def _module(classes: int) -> nn.Module:
    from qexplorer.load.samples.modules.mobilenet import MobileNetV2

    return MobileNetV2(classes)


ENTRIES = (
    Architecture(
        "mobilenet_v2",
        "MobileNetV2",
        "Sandler et al. 2018, width 1.0, 224 x 224.",
        3_487_816,
        300_774_272,
        _mobilenet_v2,
        rank=20,
        module=_module,
    ),
)
