"""Gathering and scattering single values and slices."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["gather_elements", "gather_nd", "scatter_elements", "scatter_nd"]

_REDUCE = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _forward(places: Tensor, size: int) -> Tensor:
    """Places counted from the start."""
    wide = places.to(torch.int64)
    return torch.where(wide < 0, wide + size, wide)


@operator("GatherElements", since=11)
def gather_elements(node: Node, x: Tensor, places: Tensor) -> Tensor:
    """A value for every place, along ``axis``."""
    axis = node.whole("axis", 0)
    return x.gather(axis, _forward(places, x.shape[axis]))


@operator("Scatter", since=9, until=10)
@operator("ScatterElements", since=11)
def scatter_elements(node: Node, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    """``x`` with values replaced, or changed by a reduction, along ``axis``."""
    axis, reduction = node.whole("axis", 0), node.text("reduction", "none")
    index = _forward(places, x.shape[axis])
    if reduction == "none":
        return x.scatter(axis, index, updates)
    return x.scatter_reduce(axis, index, updates, _REDUCE[reduction], include_self=True)


def _flat_places(places: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Places of several dimensions (the last axis of ``places``) as places in the flattened dimensions ``sizes``."""
    flat = torch.zeros(places.shape[:-1], dtype=torch.int64, device=places.device)
    for index, size in enumerate(sizes):
        flat = flat * size + _forward(places[..., index], size)
    return flat


@operator("GatherND", since=11)
def gather_nd(node: Node, x: Tensor, places: Tensor) -> Tensor:
    """Slices of ``x`` at places of several dimensions."""
    batch, depth = node.whole("batch_dims", 0), places.shape[-1]
    sizes, rest = tuple(x.shape[batch : batch + depth]), tuple(x.shape[batch + depth :])
    rows = math.prod(x.shape[:batch])
    flat = _flat_places(places, sizes).reshape(rows, -1)
    offsets = torch.arange(rows, device=x.device).unsqueeze(1) * math.prod(sizes)
    found = x.reshape(rows * math.prod(sizes), -1).index_select(0, (flat + offsets).reshape(-1))
    return found.reshape(*places.shape[:-1], *rest)


@operator("ScatterND", since=11)
def scatter_nd(node: Node, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    """``x`` with slices replaced, or changed by a reduction, at places of several dimensions."""
    depth, reduction = places.shape[-1], node.text("reduction", "none")
    sizes = tuple(x.shape[:depth])
    flat = _flat_places(places, sizes).reshape(-1)
    rows = x.reshape(math.prod(sizes), -1)
    given = updates.reshape(flat.shape[0], rows.shape[1])
    if reduction == "none":
        return rows.index_copy(0, flat, given).reshape(x.shape)
    index = flat.unsqueeze(1).expand_as(given)
    return rows.scatter_reduce(0, index, given, _REDUCE[reduction], include_self=True).reshape(x.shape)


@operator("TensorScatter", since=24)
def tensor_scatter(node: Node, past: Tensor, update: Tensor, starts: Tensor | None = None) -> Tensor:
    """A cache with new values written from each sample's own place on along ``axis``."""
    axis = axis_of(node.whole("axis", -2), past.dim())
    steps = torch.arange(update.shape[axis], device=past.device).unsqueeze(0)
    rows = steps.expand(past.shape[0], -1) if starts is None else steps + starts.unsqueeze(1)
    if node.text("mode", "linear") == "circular":
        rows = rows % past.shape[axis]
    shape = [1] * past.dim()
    shape[0], shape[axis] = rows.shape
    return past.scatter(axis, rows.reshape(shape).expand_as(update), update)
