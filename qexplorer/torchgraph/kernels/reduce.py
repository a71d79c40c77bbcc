"""Sums, means, norms and extremes over dimensions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.kernels.shapes import wholes
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["REDUCTIONS"]

Reduction = Callable[[Tensor, tuple[int, ...], bool], Tensor]


def _product(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, keepdim=keep)
    return x


REDUCTIONS: dict[str, Reduction] = {
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keep),
    "ReduceL2": lambda x, axes, keep: _root((x * x).sum(axes, keep), x),
    "ReduceLogSum": lambda x, axes, keep: torch.log(x.sum(axes, keep)),
    "ReduceLogSumExp": lambda x, axes, keep: torch.logsumexp(x, axes, keep),
    "ReduceMax": lambda x, axes, keep: _extreme(x, axes, keep, largest=True),
    "ReduceMean": lambda x, axes, keep: _mean(x, axes, keep),
    "ReduceMin": lambda x, axes, keep: _extreme(x, axes, keep, largest=False),
    "ReduceProd": _product,
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keep),
    "ReduceSumSquare": lambda x, axes, keep: (x * x).sum(axes, keep),
}
"""What each reduction does with the dimensions ``axes``."""


def _root(total: Tensor, x: Tensor) -> Tensor:
    return torch.sqrt(total if x.is_floating_point() else total.to(torch.float64))


def _extreme(x: Tensor, axes: tuple[int, ...], keep: bool, *, largest: bool) -> Tensor:
    """Largest or smallest value; of no values at all, the other end of the type's range."""
    if x.numel() == 0:
        sizes = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
        kept = sizes if keep else [size for axis, size in enumerate(sizes) if axis not in axes]
        if x.is_floating_point():
            end = float("-inf") if largest else float("inf")
        else:
            end = torch.iinfo(x.dtype).min if largest else torch.iinfo(x.dtype).max
        return torch.full(kept, end, dtype=x.dtype, device=x.device)
    return x.amax(axes, keep) if largest else x.amin(axes, keep)


def _mean(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    if x.is_floating_point():
        return x.mean(axes, keep)
    count = x.numel() // max(x.sum(axes).numel(), 1)
    return torch.div(x.sum(axes, keep), count, rounding_mode="trunc")


def _reduce(node: Node, x: Tensor, axes: tuple[int, ...] | None, call: Reduction) -> Tensor:
    if not axes:
        if node.whole("noop_with_empty_axes", 0):
            axes = ()
            return call(x.unsqueeze(0), (0,), False)
        axes = tuple(range(x.dim()))
    if not axes:
        return call(x.unsqueeze(0), (0,), False)
    if x.dtype == torch.bool:
        return _reduce(node, x.to(torch.uint8), axes, call).to(torch.bool)
    return call(x, tuple(axis_of(axis, x.dim()) for axis in axes), bool(node.whole("keepdims", 1))).to(x.dtype)


def _register(name: str, call: Reduction) -> None:
    @operator(name, since=1)
    def attribute(node: Node, x: Tensor) -> Tensor:
        return _reduce(node, x, node.wholes("axes"), call)

    @operator(name, since=13 if name == "ReduceSum" else 18, host=(1,))
    def tensor(node: Node, x: Tensor, axes: Host | None = None) -> Tensor:
        return _reduce(node, x, None if axes is None else wholes(axes), call)


for _name, _call in REDUCTIONS.items():
    _register(_name, _call)
