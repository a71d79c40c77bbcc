"""A shape as a torch module that can be trained, and as the ONNX file of what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.load.samples.graph_builder import GraphBuilder
from qexplorer.search.architecture.shapes import NetworkShape, convolutions

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["as_onnx", "as_torch", "folded"]

_EPS = 1e-5


def as_torch(shape: NetworkShape, channels: int, classes: int) -> torch.nn.Module:
    """The network with batch normalization behind every convolution, from ``(n, channels, h, w)`` to logits."""
    from torch import nn

    layers: list[nn.Module] = []
    for each in convolutions(shape, channels):
        pad = each.kernel // 2
        convolution = nn.Conv2d(each.given, each.wanted, each.kernel, each.stride, pad, groups=each.groups, bias=False)
        layers += [
            convolution,
            nn.BatchNorm2d(each.wanted, eps=_EPS),
            nn.ReLU6() if shape.activation == "relu6" else nn.ReLU(),
        ]
    last = convolutions(shape, channels)[-1].wanted
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, classes))


def folded(shape: NetworkShape, channels: int, network: torch.nn.Module) -> dict[str, NDArray[np.float32]]:
    """What was learned, by the names of the ONNX file: normalization is part of the convolution in front of it.

    ``w' = w g / sqrt(v + e)`` and ``b' = beta - m g / sqrt(v + e)`` (Jacob et al. 2018, equation 14).
    """
    from torch import nn

    children = list(network.children())
    norms = [each for each in children if isinstance(each, nn.BatchNorm2d)]
    kernels = [each for each in children if isinstance(each, nn.Conv2d)]
    found = {}
    for facts, convolution, norm in zip(convolutions(shape, channels), kernels, norms, strict=True):
        weight, gain, shift = (each.detach().double().numpy() for each in (convolution.weight, norm.weight, norm.bias))
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = gain / np.sqrt(norm.running_var.double().numpy() + _EPS)
        found[f"{facts.name}.weight"] = (weight * factor[:, None, None, None]).astype(np.float32)
        found[f"{facts.name}.bias"] = (shift - norm.running_mean.double().numpy() * factor).astype(np.float32)
    linear = children[-1]
    assert isinstance(linear, nn.Linear)
    found["classifier.weight"] = linear.weight.detach().numpy().astype(np.float32)
    found["classifier.bias"] = linear.bias.detach().numpy().astype(np.float32)
    return found


def as_onnx(
    shape: NetworkShape, input_name: str, size: tuple[int, ...], classes: int, learned: dict[str, NDArray[np.float32]]
) -> onnx.ModelProto:
    """The network as a file holds it.

    Args:
        shape: of it.
        input_name: of its input.
        size: of a sample, channels first.
        classes: how many.
        learned: what :func:`folded` gave.
    """
    from onnx import numpy_helper

    builder, x = GraphBuilder("found", 0), input_name
    for each in convolutions(shape, size[0]):
        x = builder.conv(each.name, x, each.given, each.wanted, each.kernel, stride=each.stride, groups=each.groups)
        act = builder.relu6 if shape.activation == "relu6" else builder.relu
        x = act(f"{each.name}.{shape.activation}", x)
    builder.classifier(x, convolutions(shape, size[0])[-1].wanted, classes)
    model = builder.model(input_name, size, classes)
    for tensor in model.graph.initializer:
        if tensor.name in learned:
            tensor.CopyFrom(numpy_helper.from_array(learned[tensor.name], tensor.name))
    return model
