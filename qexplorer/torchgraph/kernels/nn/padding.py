"""Pad: values around a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.kernels.nn.windows import pad_sides
from qexplorer.torchgraph.kernels.shapes import wholes
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["pad"]


@operator("Pad", since=1)
def pad_attributes(node: Node, x: Tensor) -> Tensor:
    """Values around a tensor, from the attributes ``pads`` and ``value``."""
    pads = node.wholes("pads") or node.wholes("paddings") or ()
    return _padded(x, pads, node.text("mode", "constant"), node.number("value", 0.0))


@operator("Pad", since=11, host=(1, 2, 3))
def pad(node: Node, x: Tensor, pads: Host, value: Host | None = None, axes: Host | None = None) -> Tensor:
    """Values around a tensor: a constant, its edge, its mirror image, or itself again (wrap)."""
    amounts = wholes(pads)
    if axes is not None:
        given, whole = [axis_of(axis, x.dim()) for axis in wholes(axes)], [0] * (2 * x.dim())
        for index, axis in enumerate(given):
            whole[axis], whole[axis + x.dim()] = amounts[index], amounts[index + len(given)]
        amounts = tuple(whole)
    constant = 0.0 if value is None else np.asarray(value).reshape(()).item()
    return _padded(x, amounts, node.text("mode", "constant"), constant)


def _padded(x: Tensor, pads: Sequence[int], mode: str, value: float) -> Tensor:
    rank = x.dim()
    before, after = pads[:rank], pads[rank:]
    if mode == "constant":
        return pad_sides(x, before, after, value)
    for axis in range(rank):
        if before[axis] or after[axis]:
            places = _source_places(x.shape[axis], before[axis], after[axis], mode)
            x = x.index_select(axis, torch.from_numpy(places).to(x.device))
    return x


def _source_places(count: int, before: int, after: int, mode: str) -> Host:
    """Which of ``count`` values each padded place repeats."""
    wanted = np.arange(-before, count + after)
    if mode == "edge":
        return wanted.clip(0, count - 1)
    if mode == "wrap":
        return wanted % count
    period = max(2 * (count - 1), 1)
    inside = np.abs(wanted) % period
    return np.where(inside >= count, period - inside, inside)
