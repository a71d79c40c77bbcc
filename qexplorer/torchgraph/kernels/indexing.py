"""Picking and placing values by index."""

from __future__ import annotations

import torch
from torch import Tensor

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.kernels.shapes import wholes
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["gather", "slice_"]


@operator("Gather", since=1)
def gather(node: Node, x: Tensor, places: Tensor) -> Tensor:
    """Slices of ``x`` along ``axis``; negative places count from the end."""
    axis = axis_of(node.whole("axis", 0), x.dim())
    flat = places.reshape(-1).to(torch.int64)
    flat = torch.where(flat < 0, flat + x.shape[axis], flat)
    return x.index_select(axis, flat).reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


@operator("Slice", since=1)
def slice_attributes(node: Node, x: Tensor) -> Tensor:
    """A part of every dimension, from attributes."""
    starts, ends = node.wholes("starts") or (), node.wholes("ends") or ()
    axes = node.wholes("axes") or tuple(range(len(starts)))
    return _sliced(x, starts, ends, axes, (1,) * len(starts))


@operator("Slice", since=10, host=(1, 2, 3, 4))
def slice_(
    node: Node,  # noqa: ARG001
    x: Tensor,
    starts: Host,
    ends: Host,
    axes: Host | None = None,
    steps: Host | None = None,
) -> Tensor:
    """A part of every dimension; steps may be negative."""
    first = wholes(starts)
    along = tuple(range(len(first))) if axes is None else wholes(axes)
    by = (1,) * len(first) if steps is None else wholes(steps)
    return _sliced(x, first, wholes(ends), along, by)


def _sliced(
    x: Tensor, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...], steps: tuple[int, ...]
) -> Tensor:
    for start, end, along, step in zip(starts, ends, axes, steps, strict=True):
        axis = axis_of(along, x.dim())
        if step > 0:
            taken = range(*slice(start, end, step).indices(x.shape[axis]))
            x = x[(slice(None),) * axis + (slice(taken.start, max(taken.stop, taken.start), step),)]
        else:
            places = list(_backwards(x.shape[axis], start, end, step))
            x = x.index_select(axis, torch.tensor(places, dtype=torch.int64, device=x.device))
    return x


def _backwards(size: int, start: int, end: int, step: int) -> range:
    """Places of a negative step. An ``end`` below ``-size`` means: through the first value, as in Python."""
    return range(*slice(start, end if end >= -size else None, step).indices(size))
