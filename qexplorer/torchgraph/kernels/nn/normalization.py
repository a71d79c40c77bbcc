"""Normalizing over batches, channels and layers, and softmax."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["batch_normalization", "layer_normalization", "softmax"]


def _columns(values: Tensor, x: Tensor) -> Tensor:
    """One value per channel, broadcastable against (N, C, ...)."""
    return values.reshape(1, -1, *(1,) * (x.dim() - 2))


@operator("BatchNormalization", since=7)
def batch_normalization(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor | tuple[Tensor, ...]:
    """Normalization by stored statistics; in ``training_mode`` (version 14) by the batch's own, which are returned."""
    epsilon = node.number("epsilon", 1e-5)
    if not node.whole("training_mode", 0):
        kept_mean, kept_variance, weight, shift = (values.to(x.dtype) for values in (mean, variance, scale, bias))
        return functional.batch_norm(x, kept_mean, kept_variance, weight, shift, training=False, eps=epsilon)
    axes = (0, *range(2, x.dim()))
    now_mean, now_variance = x.mean(axes), x.var(axes, unbiased=False)
    spread = torch.sqrt(_columns(now_variance, x) + epsilon)
    found = (x - _columns(now_mean, x)) / spread * _columns(scale, x) + _columns(bias, x)
    momentum = node.number("momentum", 0.9)
    kept_mean = mean * momentum + now_mean * (1 - momentum)
    kept_variance = variance * momentum + now_variance * (1 - momentum)
    return (found.to(x.dtype), kept_mean, kept_variance)[: node.outputs]


@operator("LayerNormalization", since=17)
def layer_normalization(node: Node, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> tuple[Tensor, ...]:
    """Normalization over the dimensions from ``axis`` on; then the mean and the inverse deviation."""
    axes = tuple(range(axis_of(node.whole("axis", -1), x.dim()), x.dim()))
    epsilon = node.number("epsilon", 1e-5)
    if node.outputs == 1 and scale.shape == x.shape[axes[0] :] and (bias is None or bias.shape == scale.shape):
        return (functional.layer_norm(x, tuple(scale.shape), scale, bias, epsilon),)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = wide.mean(axes, keepdim=True)
    inverse = torch.rsqrt(((wide - mean) ** 2).mean(axes, keepdim=True) + epsilon)
    found = ((wide - mean) * inverse).to(x.dtype) * scale
    return (found if bias is None else found + bias), mean, inverse


@operator("Softmax", since=1)
def softmax_flat(node: Node, x: Tensor) -> Tensor:
    """Softmax over all dimensions from ``axis`` (1) on together."""
    return functional.softmax(_flat(node, x), 1).reshape(x.shape)


@operator("Softmax", since=13)
def softmax(node: Node, x: Tensor) -> Tensor:
    """Softmax along ``axis`` (-1)."""
    return functional.softmax(x, node.whole("axis", -1))


@operator("LogSoftmax", since=1)
def log_softmax_flat(node: Node, x: Tensor) -> Tensor:
    """Logarithm of softmax over all dimensions from ``axis`` (1) on together."""
    return functional.log_softmax(_flat(node, x), 1).reshape(x.shape)


@operator("LogSoftmax", since=13)
def log_softmax(node: Node, x: Tensor) -> Tensor:
    """Logarithm of softmax along ``axis`` (-1)."""
    return functional.log_softmax(x, node.whole("axis", -1))


def _flat(node: Node, x: Tensor) -> Tensor:
    axis = axis_of(node.whole("axis", 1), x.dim())
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("InstanceNormalization", since=1)
def instance_normalization(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Every channel of every sample normalized by itself."""
    return functional.instance_norm(x, None, None, scale, bias, True, 0.0, node.number("epsilon", 1e-5))


@operator("GroupNormalization", since=18)
def group_normalization_by_group(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Groups of channels normalized together, then a scale and a bias per group."""
    groups = node.whole("num_groups", 1)
    each = x.shape[1] // groups
    return group_normalization(node, x, scale.repeat_interleave(each), bias.repeat_interleave(each))


@operator("GroupNormalization", since=21)
def group_normalization(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Groups of channels normalized together, then a scale and a bias per channel."""
    return functional.group_norm(x, node.whole("num_groups", 1), scale, bias, node.number("epsilon", 1e-5))


@operator("RMSNormalization", since=23)
def rms_normalization(node: Node, x: Tensor, scale: Tensor) -> Tensor:
    """Division by the root of the mean square over the dimensions from ``axis`` on."""
    axes = tuple(range(axis_of(node.whole("axis", -1), x.dim()), x.dim()))
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    inverse = torch.rsqrt((wide * wide).mean(axes, keepdim=True) + node.number("epsilon", 1e-5))
    return (wide * inverse).to(x.dtype) * scale


@operator("LpNormalization", since=1)
def lp_normalization(node: Node, x: Tensor) -> Tensor:
    """Division by the 1- or 2-norm along ``axis``; where it is zero, the answer is zero."""
    axis = node.whole("axis", -1)
    size = torch.linalg.vector_norm(x, node.whole("p", 2), axis, keepdim=True)
    return torch.where(size == 0, torch.zeros_like(x), x / torch.where(size == 0, torch.ones_like(size), size))


@operator("MeanVarianceNormalization", since=9)
def mean_variance_normalization(node: Node, x: Tensor) -> Tensor:
    """Zero mean and unit variance over ``axes``."""
    axes = node.wholes("axes") or (0, 2, 3)
    centred = x - x.mean(axes, keepdim=True)
    return centred / (torch.sqrt((centred * centred).mean(axes, keepdim=True)) + 1e-9)


@operator("LRN", since=1)
def local_response_normalization(node: Node, x: Tensor) -> Tensor:
    """Division by a power of the mean square over neighbouring channels."""
    size = node.whole("size", 1)
    squares = functional.pad((x * x).flatten(2).unsqueeze(1), (0, 0, (size - 1) // 2, size // 2))
    mean = functional.avg_pool2d(squares, (size, 1), 1).squeeze(1).reshape(x.shape)
    return x / (node.number("bias", 1.0) + node.number("alpha", 1e-4) * mean) ** node.number("beta", 0.75)
