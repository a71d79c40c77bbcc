"""Normalizing over batches, channels and layers, and softmax."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

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
    axes = tuple(range(node.whole("axis", -1) % x.dim(), x.dim()))
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
    axis = node.whole("axis", 1) % max(x.dim(), 1)
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
