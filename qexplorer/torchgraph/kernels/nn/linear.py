"""Matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["einsum", "gemm", "matmul"]


@operator("MatMul", since=1)
def matmul(node: Node, a: Tensor, b: Tensor) -> Tensor:  # noqa: ARG001
    """Matrix product as NumPy defines it."""
    return torch.matmul(a, b)


@operator("Gemm", since=1)
def gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """``alpha * A' @ B' + beta * C``."""
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    left = a.t() if node.whole("transA", 0) else a
    if alpha == beta == 1.0 and node.whole("transB", 0) and c is not None and c.dim() == 1 and a.is_floating_point():
        return torch.nn.functional.linear(left, b, c)
    product = left @ (b.t() if node.whole("transB", 0) else b)
    if alpha != 1.0:
        product = alpha * product
    if c is None:
        return product
    return (product + (c if beta == 1.0 else beta * c)).to(a.dtype)


@operator("Einsum", since=12)
def einsum(node: Node, *inputs: Tensor) -> Tensor:
    """Einstein summation."""
    equation = node.text("equation", "").replace(" ", "")
    found: Tensor = torch.einsum(equation, *inputs)
    return found


@operator("Det", since=11)
def det(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Determinants of the last two dimensions."""
    found: Tensor = torch.linalg.det(x)
    return found
