"""Shapes: told, made and changed. Values stay what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qexplorer.torchgraph.axes import distinct_axes
from qexplorer.torchgraph.dtypes import tensor_from, torch_dtype
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["wholes"]


def wholes(values: Host) -> tuple[int, ...]:
    """A host array of integers as plain numbers. ValueError: it holds floats."""
    found = np.asarray(values).reshape(-1)
    if found.dtype.kind == "f" and found.size:
        raise ValueError(f"whole numbers are given as {found.dtype.name}")
    return tuple(int(value) for value in found)


@operator("Identity", since=1)
def identity(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """The input."""
    return x


@operator("Shape", since=1)
def shape(node: Node, x: Tensor) -> Tensor:
    """The dimensions from ``start`` to ``end``."""
    end = node.whole("end", x.dim())
    return torch.tensor(tuple(x.shape)[slice(node.whole("start", 0), end)], dtype=torch.int64)


@operator("Size", since=1)
def size(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """How many values there are."""
    return torch.tensor(x.numel(), dtype=torch.int64)


def _reshaped(x: Tensor, sizes: Sequence[int], *, allow_zero: bool) -> Tensor:
    if not allow_zero:
        sizes = [x.shape[index] if wanted == 0 else wanted for index, wanted in enumerate(sizes)]
    if x.numel() == 0 and -1 in sizes:
        known = math.prod(value for value in sizes if value != -1)
        sizes = [(0 if known == 0 else x.numel() // known) if value == -1 else value for value in sizes]
    return x.reshape(tuple(sizes))


@operator("Reshape", since=1)
def reshape_attribute(node: Node, x: Tensor) -> Tensor:
    """New dimensions, from the attribute ``shape``."""
    return _reshaped(x, node.wholes("shape") or (), allow_zero=False)


@operator("Reshape", since=5, host=(1,))
def reshape(node: Node, x: Tensor, sizes: Host) -> Tensor:
    """New dimensions; 0 keeps one (unless ``allowzero``), -1 takes what is left."""
    return _reshaped(x, wholes(sizes), allow_zero=bool(node.whole("allowzero", 0)))


@operator("Flatten", since=1)
def flatten(node: Node, x: Tensor) -> Tensor:
    """Two dimensions: those before ``axis``, and the rest."""
    axis = node.whole("axis", 1)
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _squeezed(x: Tensor, axes: Sequence[int] | None) -> Tensor:
    if axes is None:
        return x.squeeze()
    return x.squeeze(tuple(axes)) if axes else x


@operator("Squeeze", since=1)
def squeeze_attribute(node: Node, x: Tensor) -> Tensor:
    """Without dimensions of size one, from the attribute ``axes``."""
    return _squeezed(x, node.wholes("axes"))


@operator("Squeeze", since=13, host=(1,))
def squeeze(node: Node, x: Tensor, axes: Host | None = None) -> Tensor:  # noqa: ARG001
    """Without dimensions of size one."""
    return _squeezed(x, None if axes is None else wholes(axes))


def _unsqueezed(x: Tensor, axes: Sequence[int]) -> Tensor:
    rank = x.dim() + len(axes)
    for axis in sorted(distinct_axes(axes, rank)):
        x = x.unsqueeze(axis)
    return x


@operator("Unsqueeze", since=1)
def unsqueeze_attribute(node: Node, x: Tensor) -> Tensor:
    """With new dimensions of size one, from the attribute ``axes``."""
    return _unsqueezed(x, node.wholes("axes") or ())


@operator("Unsqueeze", since=13, host=(1,))
def unsqueeze(node: Node, x: Tensor, axes: Host) -> Tensor:  # noqa: ARG001
    """With new dimensions of size one."""
    return _unsqueezed(x, wholes(axes))


@operator("Transpose", since=1)
def transpose(node: Node, x: Tensor) -> Tensor:
    """Dimensions in another order; reversed by default."""
    return x.permute(node.wholes("perm") or tuple(range(x.dim() - 1, -1, -1)))


@operator("Concat", since=1)
def concat(node: Node, *inputs: Tensor) -> Tensor:
    """Tensors one behind the other along ``axis`` (1 by default before version 4)."""
    return torch.cat(inputs, node.whole("axis", 1))


@operator("Expand", since=8, host=(1,))
def expand(node: Node, x: Tensor, sizes: Host) -> Tensor:  # noqa: ARG001
    """Broadcast against a shape, both ways."""
    return x.expand(np.broadcast_shapes(tuple(x.shape), wholes(sizes)))


@operator("Tile", since=6, host=(1,))
def tile(node: Node, x: Tensor, repeats: Host) -> Tensor:  # noqa: ARG001
    """Repeated along every dimension."""
    return x.repeat(wholes(repeats))


@operator("ConstantOfShape", since=9, host=(0,))
def constant_of_shape(node: Node, sizes: Host) -> Tensor:
    """A tensor of one value, float32 zero by default."""
    given = node.attributes.get("value")
    value = torch.zeros(1) if given is None else tensor_from(given)
    return value.reshape(()).expand(wholes(sizes)).clone()


@operator("Range", since=11, host=(0, 1, 2))
def range_(node: Node, start: Host, limit: Host, delta: Host) -> Tensor:
    """``start``, ``start + delta``, ... below ``limit``."""
    first, last, by = (np.asarray(value).reshape(()) for value in (start, limit, delta))
    count = max(math.ceil((float(last) - float(first)) / float(by)), 0)
    found = torch.from_numpy((first + np.arange(count) * by).astype(first.dtype))
    return found.to(torch_dtype(node.type_of(0))) if node.type_of(0) else found


@operator("Split", since=1)
def split(node: Node, x: Tensor) -> tuple[Tensor, ...]:
    """Parts along ``axis``, of the sizes in the attribute ``split``, or equal."""
    return _split(node, x, node.wholes("split"))


@operator("Split", since=13, host=(1,))
def split_sizes(node: Node, x: Tensor, sizes: Host | None = None) -> tuple[Tensor, ...]:
    """Parts along ``axis``, of given sizes, or equal with a smaller last one."""
    return _split(node, x, None if sizes is None else wholes(sizes))


def _split(node: Node, x: Tensor, sizes: Sequence[int] | None) -> tuple[Tensor, ...]:
    axis = node.whole("axis", 0)
    if sizes is None:
        parts = node.whole("num_outputs", node.outputs)
        each = -(-x.shape[axis] // parts)
        sizes = [min(each, x.shape[axis] - each * index) for index in range(parts)]
    if list(sizes) == [x.shape[axis]]:  # a tracer would see a list of one, at which LiteRT's converter fails
        return (x,)
    return torch.split(x, list(sizes), axis)
