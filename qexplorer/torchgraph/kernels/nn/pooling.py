"""Pooling over windows and over whole pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.kernels.nn.windows import Window, pad_sides, window_of
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["average_pool", "global_average_pool", "global_max_pool", "lp_pool", "max_pool"]

_MAX: dict[int, Callable[..., tuple[Tensor, Tensor]]] = {
    1: functional.max_pool1d_with_indices,
    2: functional.max_pool2d_with_indices,
    3: functional.max_pool3d_with_indices,
}
_MAX_ONLY: dict[int, Callable[..., Tensor]] = {
    1: functional.max_pool1d,
    2: functional.max_pool2d,
    3: functional.max_pool3d,
}

_AVERAGE: dict[int, Callable[..., Tensor]] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}


def _sides(node: Node, x: Tensor) -> tuple[Window, tuple[int, ...]]:
    """The window, and the padding after the picture that also fits the last window that ``ceil_mode`` starts.

    A window that would start in the padding behind the picture is left out (operator-set version 19 and torch agree).
    """
    window = window_of(node, x.shape[2:], node.wholes("kernel_shape") or ())
    if not node.whole("ceil_mode", 0) or node.text("auto_pad", "NOTSET") not in ("NOTSET", ""):
        return window, window.after
    after = []
    for size, span, step, first, last in zip(
        x.shape[2:], window.spans, window.strides, window.before, window.after, strict=True
    ):
        count = -(-(size + first + last - span) // step) + 1
        if (count - 1) * step >= size + first:
            count -= 1
        after.append(max((count - 1) * step + span - size - first, last))
    return window, tuple(after)


@operator("MaxPool", since=1)
def max_pool(node: Node, x: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Largest value of each window; padding never wins. The second output holds places in the flattened input."""
    window, after = _sides(node, x)
    rank = x.dim() - 2
    wide = x if x.dtype.is_floating_point else x.to(torch.float32)
    simple = window.before == after and all(2 * p <= k for p, k in zip(after, window.kernel, strict=True))
    if simple and node.outputs < 2:
        found = _MAX_ONLY[rank](wide, window.kernel, window.strides, window.before, window.dilations)
        return found.to(x.dtype)
    padded = pad_sides(wide, window.before, after, float("-inf"))
    found, places = _MAX[rank](padded, window.kernel, window.strides, 0, window.dilations)
    if node.outputs < 2:
        return found.to(x.dtype)
    return found.to(x.dtype), _unpadded_places(node, places, x, padded, window)


def _unpadded_places(node: Node, places: Tensor, x: Tensor, padded: Tensor, window: Window) -> Tensor:
    """Places in the padded picture as places in the whole input tensor, in row or column order."""
    sizes, rest, steps = x.shape[2:], places, []
    for size in reversed(padded.shape[2:]):
        steps.append(rest % size)
        rest = rest // size
    steps.reverse()
    flat = torch.zeros_like(places)
    order = range(len(sizes)) if node.whole("storage_order", 0) == 0 else range(len(sizes) - 1, -1, -1)
    for index in order:
        flat = flat * sizes[index] + (steps[index] - window.before[index])
    count = sizes.numel()
    offsets = torch.arange(x.shape[0] * x.shape[1], device=x.device) * count
    return flat + offsets.reshape(x.shape[0], x.shape[1], *(1,) * len(sizes))


def _window_sums(x: Tensor, window: Window) -> Tensor:
    """Sums of the windows of an already padded input."""
    rank, channels = x.dim() - 2, x.shape[1]
    ones = torch.ones((channels, 1, *window.kernel), dtype=x.dtype, device=x.device)
    call: Callable[..., Tensor] = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    return call(x, ones, None, window.strides, 0, window.dilations, channels)


@operator("AveragePool", since=1)
def average_pool(node: Node, x: Tensor) -> Tensor:
    """Mean of each window; ``count_include_pad`` says whether ``pads`` count. What ``ceil_mode`` adds never counts."""
    window, after = _sides(node, x)
    include = bool(node.whole("count_include_pad", 0))
    simple = window.before == after and set(window.dilations) == {1}
    if simple and all(2 * p <= k for p, k in zip(after, window.kernel, strict=True)):
        pool = _AVERAGE[x.dim() - 2]
        return pool(x, window.kernel, window.strides, window.before, False, include)
    sums = _window_sums(pad_sides(x, window.before, after), window)
    counted = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
    if include:
        counted = pad_sides(counted, window.before, window.after, 1.0)
        grown = [a - b for a, b in zip(after, window.after, strict=True)]
        counted = pad_sides(counted, (0,) * len(grown), grown)
    else:
        counted = pad_sides(counted, window.before, after)
    return sums / _window_sums(counted, window)


@operator("LpPool", since=2)
def lp_pool(node: Node, x: Tensor) -> Tensor:
    """p-norm of each window."""
    window, after = _sides(node, x)
    power = node.number("p", 2)
    return _window_sums(pad_sides(x, window.before, after).abs() ** power, window) ** (1 / power)


@operator("GlobalAveragePool", since=1)
def global_average_pool(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Mean over all spatial dimensions."""
    return x.mean(tuple(range(2, x.dim())), keepdim=True)


@operator("GlobalMaxPool", since=1)
def global_max_pool(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Largest value over all spatial dimensions."""
    return x.amax(tuple(range(2, x.dim())), keepdim=True)


@operator("GlobalLpPool", since=2)
def global_lp_pool(node: Node, x: Tensor) -> Tensor:
    """p-norm over all spatial dimensions."""
    power = node.number("p", 2)
    return (x.abs() ** power).sum(tuple(range(2, x.dim())), keepdim=True) ** (1 / power)
