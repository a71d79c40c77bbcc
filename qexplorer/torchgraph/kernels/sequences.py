"""Running sums, triangles, one-hot rows and reversed sequences."""

from __future__ import annotations

import torch
from torch import Tensor

from qexplorer.torchgraph.axes import axis_of
from qexplorer.torchgraph.dtypes import torch_dtype
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["cum_sum", "one_hot", "trilu"]


def _running(node: Node, x: Tensor, axis: int, *, product: bool) -> Tensor:
    if node.whole("reverse", 0):
        x = x.flip(axis)
    found = torch.cumprod(x, axis, dtype=x.dtype) if product else torch.cumsum(x, axis, dtype=x.dtype)
    if node.whole("exclusive", 0):
        first = torch.full_like(found.narrow(axis, 0, 1), 1 if product else 0)
        found = torch.cat([first, found.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return found.flip(axis) if node.whole("reverse", 0) else found


@operator("CumSum", since=11, host=(1,))
def cum_sum(node: Node, x: Tensor, axis: Host) -> Tensor:
    """Running sum."""
    return _running(node, x, int(axis.reshape(-1)[0]), product=False)


@operator("CumProd", since=26, host=(1,))
def cum_prod(node: Node, x: Tensor, axis: Host) -> Tensor:
    """Running product."""
    return _running(node, x, int(axis.reshape(-1)[0]), product=True)


@operator("Trilu", since=14, host=(1,))
def trilu(node: Node, x: Tensor, k: Host | None = None) -> Tensor:
    """The upper or lower triangle of the last two dimensions, moved by ``k``."""
    by = 0 if k is None else int(k.reshape(-1)[0])
    return torch.triu(x, by) if node.whole("upper", 1) else torch.tril(x, by)


@operator("EyeLike", since=9)
def eye_like(node: Node, x: Tensor) -> Tensor:
    """Ones on the diagonal ``k`` of a matrix of the input's shape."""
    dtype = torch_dtype(node.whole("dtype", 0)) if node.has("dtype") else x.dtype
    rows = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    columns = torch.arange(x.shape[1], device=x.device)
    return (columns - rows == node.whole("k", 0)).to(dtype)


@operator("OneHot", since=9, host=(1,))
def one_hot(node: Node, places: Tensor, depth: Host, values: Tensor) -> Tensor:
    """The second of two values at each place along a new ``axis``, the first elsewhere."""
    count = int(depth.reshape(-1)[0])
    axis = axis_of(node.whole("axis", -1), places.dim() + 1)
    given = places.to(torch.int64).unsqueeze(axis)
    shape = [1] * (places.dim() + 1)
    shape[axis] = count
    steps = torch.arange(count, device=places.device).reshape(shape)
    hits = torch.where(given < 0, given + count, given) == steps
    return torch.where(hits, values[1], values[0])


@operator("ReverseSequence", since=10)
def reverse_sequence(node: Node, x: Tensor, lengths: Tensor) -> Tensor:
    """Every sample's first ``length`` steps backwards, the rest as it is."""
    time, batch = node.whole("time_axis", 0), node.whole("batch_axis", 1)
    steps = torch.arange(x.shape[time], device=x.device).unsqueeze(1)
    mirrored = lengths.unsqueeze(0) - 1 - steps
    places = torch.where(mirrored >= 0, mirrored, steps)
    shape = [1] * x.dim()
    shape[time], shape[batch] = places.shape
    return x.gather(time, (places if time < batch else places.t()).reshape(shape).expand_as(x))
