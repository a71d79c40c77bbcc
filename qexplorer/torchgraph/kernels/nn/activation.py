"""Activation functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["relu"]


@operator("Relu", since=1)
def relu(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """max(x, 0)."""
    return torch.relu(x)


@operator("LeakyRelu", since=1)
def leaky_relu(node: Node, x: Tensor) -> Tensor:
    """``alpha * x`` below zero."""
    return functional.leaky_relu(x, node.number("alpha", 0.01))


@operator("PRelu", since=7)
def prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:  # noqa: ARG001
    """``slope * x`` below zero."""
    return torch.where(x < 0, slope * x, x)


@operator("Sigmoid", since=1)
def sigmoid(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """1 / (1 + exp(-x))."""
    return torch.sigmoid(x)


@operator("HardSigmoid", since=1)
def hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    """``alpha * x + beta`` between 0 and 1."""
    return (node.number("alpha", 0.2) * x + node.number("beta", 0.5)).clamp(0, 1)


@operator("HardSwish", since=14)
def hard_swish(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """``x * max(0, min(1, x / 6 + 1 / 2))``."""
    return functional.hardswish(x)


@operator("Gelu", since=20)
def gelu(node: Node, x: Tensor) -> Tensor:
    """``x * Phi(x)``, exact or by tanh."""
    return functional.gelu(x, approximate=node.text("approximate", "none"))


@operator("Elu", since=1)
def elu(node: Node, x: Tensor) -> Tensor:
    """``alpha * (exp(x) - 1)`` below zero."""
    return functional.elu(x, node.number("alpha", 1.0))


@operator("Selu", since=1)
def selu(node: Node, x: Tensor) -> Tensor:
    """Scaled Elu."""
    alpha, gamma = node.number("alpha", 1.67326319217681884765625), node.number("gamma", 1.05070102214813232421875)
    return gamma * torch.where(x > 0, x, alpha * torch.expm1(x))


@operator("Celu", since=12)
def celu(node: Node, x: Tensor) -> Tensor:
    """``alpha * (exp(x / alpha) - 1)`` below zero."""
    return functional.celu(x, node.number("alpha", 1.0))


@operator("Softplus", since=1)
def softplus(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """log(1 + exp(x))."""
    return torch.logaddexp(x, torch.zeros_like(x))


@operator("Softsign", since=1)
def softsign(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """X / (1 + |x|)."""
    return functional.softsign(x)


@operator("Mish", since=18)
def mish(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """X * tanh(softplus(x))."""
    return functional.mish(x)


@operator("Swish", since=24)
def swish(node: Node, x: Tensor) -> Tensor:
    """X * sigmoid(alpha * x)."""
    return x * torch.sigmoid(node.number("alpha", 1.0) * x)


@operator("ThresholdedRelu", since=10)
def thresholded_relu(node: Node, x: Tensor) -> Tensor:
    """``x`` where it is above ``alpha``, else zero."""
    return torch.where(x > node.number("alpha", 1.0), x, torch.zeros_like(x))


@operator("Shrink", since=9)
def shrink(node: Node, x: Tensor) -> Tensor:
    """``x`` moved by ``bias`` towards zero where it is further than ``lambd`` from it, else zero."""
    limit, bias = node.number("lambd", 0.5), node.number("bias", 0.0)
    return torch.where(x < -limit, x + bias, torch.where(x > limit, x - bias, torch.zeros_like(x)))
