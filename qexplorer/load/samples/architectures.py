"""Well-known networks without training, built on demand as ONNX graphs: only their size and latency mean anything.

Batch normalization is folded already, so every convolution has a bias. Weights are random, seeded, and scaled so that
activations stay of order 1 through all residual additions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.files import write_atomically
from qexplorer.core.registry import Registry
from qexplorer.core.workspace import workspace
from qexplorer.load.samples.graph_builder import GraphBuilder

__all__ = ["ARCHITECTURES", "Architecture", "build"]

_SEED, _CLASSES, _VERSION = 224, 1000, 1
_BRANCH_GAIN = 0.5
"""Gain of the last convolution of a residual branch: each addition then raises the variance by about a quarter."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network.

    Attributes:
        name: what ``load_model`` takes.
        title: what to call it on a page.
        description: one sentence with its source.
        parameters: number of weights and biases after folding batch normalization.
        macs: multiply-accumulates of convolutions and fully connected layers for one 224 x 224 image.
        trunk: adds everything up to the last feature map; returns its name and number of channels.
    """

    name: str
    title: str
    description: str
    parameters: int
    macs: int
    trunk: Callable[[GraphBuilder, str], tuple[str, int]]


def build(name: str) -> Path:
    """The file of an architecture in the workspace, built if it is not there; raises UnknownName.

    Opset 21, IR 10, input ``image`` (batch, 3, 224, 224), output ``logits`` (batch, 1000), float32.
    """
    architecture = ARCHITECTURES.get(name)
    path = workspace("models") / f"{name}-untrained-{_VERSION}.onnx"
    if not path.is_file():
        graph = GraphBuilder(name, _SEED)
        features, channels = architecture.trunk(graph, "image")
        graph.classifier(features, channels, _CLASSES)
        model = graph.model("image", (3, 224, 224), _CLASSES)
        model.doc_string = f"{architecture.title}, random weights: size and latency only."
        write_atomically(path, model.SerializeToString())
    return path


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
            inner = graph.conv(f"{name}.conv2", inner, wanted, wanted, 3, gain=_BRANCH_GAIN)
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
                f"{name}.conv3", graph.relu(f"{name}.relu2", inner), narrow, narrow * 4, 1, gain=_BRANCH_GAIN
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
    inner = graph.conv(f"{name}.project", inner, wide, wanted, 1, gain=_BRANCH_GAIN if stays else 1.0)
    return graph.add(f"{name}.add", inner, x) if stays else inner


ARCHITECTURES: Registry[Architecture] = Registry("architecture")
for _architecture in (
    Architecture(
        "resnet18", "ResNet-18", "He et al. 2016, 18 layers, 224 x 224.", 11_684_712, 1_814_073_344, _resnet18
    ),
    Architecture(
        "resnet50", "ResNet-50", "He et al. 2016, 50 layers, 224 x 224.", 25_530_472, 4_089_184_256, _resnet50
    ),
    Architecture(
        "mobilenet_v2",
        "MobileNetV2",
        "Sandler et al. 2018, width 1.0, 224 x 224.",
        3_487_816,
        300_774_272,
        _mobilenet_v2,
    ),
):
    ARCHITECTURES.add(_architecture)
