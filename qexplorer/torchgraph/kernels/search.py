"""Finding values: the largest, the first, those that are not zero."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["arg_max", "arg_min", "hardmax", "top_k"]


def _first_extreme(node: Node, x: Tensor, *, largest: bool) -> Tensor:
    """Places of the extreme values. Of equal ones the first, or the last with ``select_last_index``."""
    axis, keep = node.whole("axis", 0), bool(node.whole("keepdims", 1))
    best = x.amax(axis, keepdim=True) if largest else x.amin(axis, keepdim=True)
    hits = (x == best).to(torch.int8)
    if not node.whole("select_last_index", 0):
        return hits.argmax(axis, keepdim=keep)
    return x.shape[axis] - 1 - hits.flip(axis).argmax(axis, keepdim=keep)


@operator("ArgMax", since=1)
def arg_max(node: Node, x: Tensor) -> Tensor:
    """Place of the largest value along ``axis``."""
    return _first_extreme(node, x, largest=True)


@operator("ArgMin", since=1)
def arg_min(node: Node, x: Tensor) -> Tensor:
    """Place of the smallest value along ``axis``."""
    return _first_extreme(node, x, largest=False)


@operator("TopK", since=1)
def top_k_attribute(node: Node, x: Tensor) -> tuple[Tensor, ...]:
    """The ``k`` largest values (an attribute) and their places."""
    return _top(node, x, node.whole("k", 1))


@operator("TopK", since=10, host=(1,))
def top_k(node: Node, x: Tensor, k: Host) -> tuple[Tensor, ...]:
    """The ``k`` largest or smallest values and their places; of equal ones, those with the smaller place."""
    return _top(node, x, int(k.reshape(-1)[0]))


def _top(node: Node, x: Tensor, k: int) -> tuple[Tensor, ...]:
    axis, largest = node.whole("axis", -1), bool(node.whole("largest", 1))
    values, places = torch.sort(x, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, k), places.narrow(axis, 0, k)


@operator("NonZero", since=9)
def non_zero(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Places of values that are not zero, (rank, count). The shape depends on the values: this cannot be exported."""
    return x.nonzero().t()


@operator("Compress", since=9)
def compress(node: Node, x: Tensor, condition: Tensor) -> Tensor:
    """Slices where a condition holds. The shape depends on the values: this cannot be exported."""
    axis = node.whole("axis", 0) if node.has("axis") else None
    flat = x.reshape(-1) if axis is None else x
    return flat.index_select(axis or 0, condition.nonzero().reshape(-1))


@operator("Hardmax", since=1)
def hardmax_flat(node: Node, x: Tensor) -> Tensor:
    """1 at the first largest value over all dimensions from ``axis`` (1) on together."""
    axis = axis_of(node.whole("axis", 1), x.dim())
    flat = x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
    return _hardmax(flat, 1).reshape(x.shape)


@operator("Hardmax", since=13)
def hardmax(node: Node, x: Tensor) -> Tensor:
    """1 at the first largest value along ``axis`` (-1), else 0."""
    return _hardmax(x, node.whole("axis", -1))


def _hardmax(x: Tensor, axis: int) -> Tensor:
    first = (x == x.amax(axis, keepdim=True)).to(torch.int8).argmax(axis)
    return functional.one_hot(first, x.shape[axis]).movedim(-1, axis).to(x.dtype)
