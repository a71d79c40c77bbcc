"""Products of codes: QLinearConv, QLinearMatMul, ConvInteger and MatMulInteger.

Products are summed in float64, where whole numbers are exact up to 2**53, and the sums are kept modulo 2**32 as int32
accumulators hold them. That is exact on every device; the torch backends have faster ways.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qexplorer.torchgraph.dtypes import CODE_LIMITS, onnx_type
from qexplorer.torchgraph.kernels.nn.convolution import conv
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["conv_integer", "matmul_integer", "qlinear_conv", "qlinear_matmul"]


def _centred(codes: Tensor, zero: Tensor | None) -> Tensor:
    wide = codes.to(torch.float64)
    return wide if zero is None else wide - zero.to(torch.float64)


def _wrapped(total: Tensor) -> Tensor:
    return total.to(torch.int64).to(torch.int32)


def _per_row(values: Tensor) -> Tensor:
    if values.numel() == 1:
        return values.reshape(())
    return values.reshape(-1, 1) if values.dim() == 1 else values


def _requantized(node: Node, total: Tensor, multiplier: Tensor, zero: Tensor, position: int) -> Tensor:
    """``saturate(round(total * multiplier) + zero)`` in the type of ``zero``; the product is a float32."""
    low, high = CODE_LIMITS[node.type_of(position) or onnx_type(zero.dtype)]
    steps = torch.round(total.to(torch.float32) * multiplier).to(torch.float64) + zero.to(torch.float64)
    return steps.clamp(low, high).to(torch.int32).to(zero.dtype)


@operator("MatMulInteger", since=10)
def matmul_integer(
    node: Node,  # noqa: ARG001
    a: Tensor,
    b: Tensor,
    a_zero: Tensor | None = None,
    b_zero: Tensor | None = None,
) -> Tensor:
    """``(a - a_zero) @ (b - b_zero)`` in int32."""
    left = _centred(a, None if a_zero is None else _per_row(a_zero))
    return _wrapped(torch.matmul(left, _centred(b, b_zero)))


@operator("QLinearMatMul", since=10)
def qlinear_matmul(
    node: Node,
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
) -> Tensor:
    """A matrix product of codes, on the grid of the answer."""
    total = matmul_integer(node, a, b, a_zero, b_zero)
    first, second, third = (scale.to(torch.float32) for scale in (a_scale, b_scale, y_scale))
    multiplier = _per_row(first) * (second.reshape(()) if second.numel() == 1 else second) / _per_row(third)
    return _requantized(node, total, multiplier, _per_row(y_zero), 7)


@operator("ConvInteger", since=10)
def conv_integer(
    node: Node, x: Tensor, weight: Tensor, x_zero: Tensor | None = None, w_zero: Tensor | None = None
) -> Tensor:
    """A convolution of codes in int32; what is padded stands for zero."""
    offset = None if w_zero is None else w_zero.reshape(-1, *(1,) * (weight.dim() - 1))
    return _wrapped(conv(node, _centred(x, None if x_zero is None else x_zero.reshape(())), _centred(weight, offset)))


@operator("QLinearConv", since=10)
def qlinear_conv(
    node: Node,
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    weight: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    """A convolution of codes, on the grid of the answer."""
    total = conv_integer(node, x, weight, x_zero, w_zero)
    channel = (-1, *(1,) * (x.dim() - 2))
    if bias is not None:
        total = (total.to(torch.int64) + bias.to(torch.int64).reshape(channel)).to(torch.int32)
    multiplier = x_scale.reshape(()) * w_scale.reshape(-1) / y_scale.reshape(())
    return _requantized(node, total, multiplier.reshape(channel), y_zero.reshape(()), 7)
